import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition, mergeConditions } from "./conditions.ts";
import { FakeClock } from "./testing/fake-clock.ts";

const ready = { type: "Ready", status: "True", reason: "AllReady", message: "" } as const;

test("the time changes with the status only; the rest is brought up to date", () => {
  const clock = new FakeClock();
  const first = mergeConditions(undefined, [ready], 1, clock);
  assert.equal(first[0]?.lastTransitionTime, "2026-01-01T00:00:00Z");
  clock.advance(60_000);
  const reworded = mergeConditions(first, [{ ...ready, reason: "StillReady" }], 2, clock);
  assert.deepEqual(reworded, [
    { ...ready, reason: "StillReady", observedGeneration: 2, lastTransitionTime: "2026-01-01T00:00:00Z" },
  ]);
  const lost = mergeConditions(reworded, [{ ...ready, status: "False" }], 2, clock);
  assert.equal(lost[0]?.lastTransitionTime, "2026-01-01T00:01:00Z");
});

test("the same state gives an equal list; conditions of others stay where they are", () => {
  const clock = new FakeClock();
  const theirs = {
    type: "Theirs",
    status: "Unknown",
    reason: "X",
    message: "",
    lastTransitionTime: "2020-01-01T00:00:00Z",
  } as const;
  const once = mergeConditions([theirs], [ready], 1, clock);
  clock.advance(1_000);
  assert.deepEqual(mergeConditions(once, [ready], 1, clock), once);
  assert.deepEqual(
    once.map(({ type }) => type),
    ["Theirs", "Ready"],
  );
  assert.equal(findCondition(once, "Ready")?.status, "True");
});
