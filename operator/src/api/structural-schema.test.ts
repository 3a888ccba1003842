import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { structuralSchema } from "./structural-schema.ts";

test("a field with a default is not required, one without is", () => {
  const schema = Type.Object(
    { a: Type.Integer({ description: "A.", default: 1 }), b: Type.String({ description: "B." }) },
    { description: "Both." },
  );
  const { required, properties } = structuralSchema({ ...schema }, "spec");
  assert.deepEqual(required, ["b"]);
  assert.deepEqual(properties, {
    a: { type: "integer", description: "A.", default: 1 },
    b: { type: "string", description: "B." },
  });
});

test("the default of an object holds those of its fields, at every depth", () => {
  const leaf = Type.Object(
    { size: Type.String({ description: "S.", default: "1Gi" }) },
    { description: "L.", default: {} },
  );
  const schema = Type.Object(
    { leaf, other: Type.Optional(Type.String({ description: "O." })) },
    { description: "D.", default: {} },
  );
  assert.deepEqual(structuralSchema({ ...schema }, "spec").default, { leaf: { size: "1Gi" } });
});

test("a union of texts is an enum; rules are kept", () => {
  const rules = [{ rule: "self == oldSelf", message: "no" }];
  const schema = Type.Union([Type.Literal("a"), Type.Literal("b")], {
    description: "U.",
    "x-kubernetes-validations": rules,
  });
  assert.deepEqual(structuralSchema({ ...schema }, "spec.u"), {
    type: "string",
    description: "U.",
    enum: ["a", "b"],
    "x-kubernetes-validations": rules,
  });
});

test("a field that could not be explained, or has no one type, is named", () => {
  const nameless = Type.Object({ a: Type.Integer() }, { description: "D." });
  assert.throws(() => structuralSchema({ ...nameless }, "spec"), /spec\.a: has no description/);
  const mixed = Type.Object(
    { a: Type.Union([Type.String(), Type.Integer()], { description: "M." }) },
    { description: "D." },
  );
  assert.throws(() => structuralSchema({ ...mixed }, "spec"), /spec\.a: a structural schema needs a type/);
});
