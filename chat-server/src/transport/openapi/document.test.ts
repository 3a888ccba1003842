import assert from "node:assert/strict";
import { test } from "node:test";
import { clientFrames, ServerFrame } from "@chatcluster/protocol";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApiDocument } from "./document.ts";

const PRODUCT = { name: "ChatCluster", version: "1.2.3" };
type Document = {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  components: { schemas: Record<string, object> };
};
/** As a program gets it. */
const served = () => JSON.parse(JSON.stringify(openApiDocument(PRODUCT))) as Document;

test("it is valid OpenAPI 3.1, and every reference in it leads somewhere", async () => {
  const validator = new Validator();
  const result = await validator.validate(served());
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1)?.slice(0, 2_000));
  assert.equal(validator.version, "3.1");
  const { schemas } = served().components;
  const references = JSON.stringify(served()).match(/#\/components\/schemas\/\w+/g) ?? [];
  assert.ok(references.length > 20);
  for (const reference of references) assert.ok(schemas[reference.split("/").at(-1) ?? ""], reference);
  const broken = { ...served(), paths: { "/poll": { get: { responses: 7 } } } };
  assert.equal((await new Validator().validate(broken)).valid, false, "the validator sees what is wrong");
});

test("it has every frame, with the schema by which frames are checked", () => {
  const { schemas } = served().components;
  const known = Object.values(schemas).map((schema) => JSON.stringify(schema));
  for (const schema of [...Object.values(clientFrames), ...ServerFrame.anyOf])
    assert.ok(known.includes(JSON.stringify(schema)), JSON.stringify(schema).slice(0, 100));
});

test("operations have names of their own", () => {
  const names = Object.values(served().paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes("poll"));
});
