import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { loadConfig } from "./config.ts";
import { CodedError } from "./errors.ts";

const schema = Type.Object({
  port: Type.Integer({ minimum: 0, maximum: 65535, default: 8080 }),
  drainSeconds: Type.Number({ minimum: 0, default: 30 }),
  backend: Type.Union([Type.Literal("embedded"), Type.Literal("cluster")], { default: "embedded" }),
  verbose: Type.Boolean({ default: false }),
  jwtSecret: Type.String({ minLength: 32, description: "at least 32 bytes" }),
});
const secret = "x".repeat(32);

test("texts become the schema's types, and absent or empty ones its defaults", () => {
  const config = loadConfig(
    schema,
    { CHAT_DRAIN_SECONDS: "5", CHAT_PORT: "", CHAT_VERBOSE: "true", CHAT_JWT_SECRET: secret },
    "CHAT_",
  );
  assert.deepEqual(config, { port: 8080, drainSeconds: 5, backend: "embedded", verbose: true, jwtSecret: secret });
});

test("every wrong variable is named, and no value is shown", () => {
  const env = { CHAT_PORT: "99999", CHAT_BACKEND: "tape", CHAT_DRAIN_SECONDS: "soon" };
  assert.throws(
    () => loadConfig(schema, env, "CHAT_"),
    (error: unknown) => {
      assert.ok(error instanceof CodedError);
      assert.equal(error.code, "invalid_configuration");
      for (const name of ["CHAT_PORT", "CHAT_BACKEND", "CHAT_DRAIN_SECONDS"])
        assert.match(error.message, new RegExp(name));
      assert.match(error.message, /CHAT_JWT_SECRET is required \(at least 32 bytes\)/);
      for (const value of ["99999", "tape", "soon"]) assert.doesNotMatch(error.message, new RegExp(value));
      return true;
    },
  );
});

test("a text that is not the wanted type is refused, not taken as zero", () => {
  for (const text of ["12abc", "NaN", "1e999"]) {
    assert.throws(() => loadConfig(schema, { CHAT_PORT: text, CHAT_JWT_SECRET: secret }, "CHAT_"), /CHAT_PORT/, text);
  }
});
