import assert from "node:assert/strict";
import { test } from "node:test";
import { addFailure, addOutcome, type Outcome, summary } from "./outcome.ts";

const outcome = (passed: number, skipped = 0): Outcome => ({ passed, skipped, failures: [] });

test("outcomes add up", () => {
  const total = outcome(1, 2);
  const other = outcome(3, 4);
  addFailure(other, "a", "because");
  addOutcome(total, other);
  assert.deepEqual(total, { passed: 4, skipped: 6, failures: [{ test: "a", why: "because" }] });
});

test("the last line has the counts alone", () => {
  assert.equal(summary(outcome(3)), "3 passed, 0 failed");
  assert.equal(summary(outcome(3, 1)), "1 skipped\n3 passed, 0 failed");
});

test("what failed is repeated with the beginning of its reason", () => {
  const total = outcome(1);
  addFailure(total, "chat-server/a.test.ts: adds", Array.from({ length: 20 }, (_, line) => `line ${line}`).join("\n"));
  const lines = summary(total).split("\n");
  assert.deepEqual(lines.slice(0, 3), ["Failed:", "✖ chat-server/a.test.ts: adds", "    line 0"]);
  assert.deepEqual(lines.slice(-4), ["    line 11", "    …", "", "1 passed, 1 failed"]);
});
