import assert from "node:assert/strict";
import { test } from "node:test";
import { Unacknowledged } from "./unacknowledged.ts";

const at = (offset: number) => ({ epoch: "e", offset });
const event = (offset: number) => ({ messageId: `m${String(offset).padStart(4, "0")}`, position: at(offset) });

test("an acknowledgement moves up to the last message that it covers, whether or not it names one that was given", () => {
  const unacknowledged = new Unacknowledged(at(0));
  for (const offset of [1, 2, 3]) unacknowledged.given(event(offset), false);
  unacknowledged.acknowledged("m0000");
  assert.deepEqual(unacknowledged.from, at(0));
  unacknowledged.acknowledged("m0002");
  assert.deepEqual(unacknowledged.from, at(2));
  unacknowledged.acknowledged("m0009");
  assert.deepEqual(unacknowledged.from, at(3));
});

test("what is the user's own is acknowledged at once, but not past what is not", () => {
  const unacknowledged = new Unacknowledged(at(0));
  unacknowledged.given(event(1), true);
  assert.deepEqual(unacknowledged.from, at(1));
  unacknowledged.given(event(2), false);
  unacknowledged.given(event(3), true);
  assert.deepEqual(unacknowledged.from, at(1));
  unacknowledged.acknowledged("m0002");
  assert.deepEqual(unacknowledged.from, at(2));
});

test("of more than are remembered the oldest position is kept, which puts back more than was lost", () => {
  const unacknowledged = new Unacknowledged(at(0));
  for (let offset = 1; offset <= 300; offset++) unacknowledged.given(event(offset), false);
  unacknowledged.acknowledged("m0300");
  assert.deepEqual(unacknowledged.from, at(256));
});

test("who is told to read the history begins anew", () => {
  const unacknowledged = new Unacknowledged(at(0));
  unacknowledged.given(event(1), false);
  unacknowledged.restart({ epoch: "f", offset: 7 });
  unacknowledged.acknowledged("m0001");
  assert.deepEqual(unacknowledged.from, { epoch: "f", offset: 7 });
});
