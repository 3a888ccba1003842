import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "./errors.ts";
import { until } from "./until.ts";

test("gives the first value that is there, zero and empty texts among them", async () => {
  const values = [undefined, false, 0, 1] as const;
  let looks = 0;
  assert.equal(await until(() => values[looks++], "a number", 1_000, { every: 1 }), 0);
  assert.equal(looks, 3);
  assert.equal(await until(async () => "", "a text", 0), "");
});

test("gives up with what was waited for, for how long, and the detail", async () => {
  await assert.rejects(
    until(() => false, "rain", 20, { every: 5, detail: () => "sunny" }),
    (error) =>
      error instanceof CodedError && error.code === "timed_out" && error.message === "rain: not within 0.02 s\nsunny",
  );
});

test("what the look throws ends the wait", async () => {
  const failure = new Error("broken");
  await assert.rejects(
    until(() => Promise.reject(failure), "anything"),
    failure,
  );
});
