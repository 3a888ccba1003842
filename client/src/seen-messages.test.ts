import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { earlierId } from "./message-id.ts";
import { SeenMessages } from "./seen-messages.ts";

const id = (n: number) => String(n).padStart(26, "0");

test("each id is new once, in whatever order of nearby ids they come", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 1_500 }), (numbers) => {
      const seen = new SeenMessages();
      const model = new Set<number>();
      for (const n of numbers) {
        assert.equal(seen.add(id(n)), !model.has(n), String(n));
        model.add(n);
      }
    }),
  );
});

test("a list of any length that is read in order is wholly new, with 500 newer messages in between", () => {
  const seen = new SeenMessages();
  for (let n = 0; n < 5_000; n++) {
    assert.ok(seen.add(id(n)), `of the list: ${n}`);
    if (n % 10 === 0) assert.ok(seen.add(id(100_000 + n)), `live: ${n}`);
  }
  for (let n = 0; n < 5_000; n++) assert.ok(!seen.add(id(n)) && (n % 10 !== 0 || !seen.add(id(100_000 + n))));
});

test("an earlier id has the earlier time and sorts before all of that time", () => {
  assert.equal(earlierId("01ARZ3NDEKTSV4RRFFQ69G5FAV", 0), "01ARZ3NDEK0000000000000000");
  assert.equal(earlierId("01ARZ3NDEKTSV4RRFFQ69G5FAV", 20), "01ARZ3NDDZ0000000000000000");
  assert.equal(earlierId("00000000010000000000000000", 1_000), "0".repeat(26));
});
