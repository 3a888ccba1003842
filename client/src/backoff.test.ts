import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

test("the bounds double up to the cap, and start anew after a reset", () => {
  // Just under 1: each wait is the greatest that its bound allows.
  const backoff = new Backoff({ baseMs: 500, capMs: 30_000, random: () => 1 - Number.EPSILON });
  const waits = Array.from({ length: 9 }, () => backoff.next());
  assert.deepEqual(waits, [499, 999, 1_999, 3_999, 7_999, 15_999, 29_999, 29_999, 29_999]);
  backoff.reset();
  assert.equal(backoff.next(), 499);
});

test("waits are spread over the whole range from zero: full jitter", () => {
  const waits = Array.from({ length: 2_000 }, () => new Backoff({ baseMs: 1_000 }).next());
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = waits.filter((ms) => ms >= tenth * 100 && ms < (tenth + 1) * 100).length;
    // 200 expected, standard deviation 13.4: six of them.
    assert.ok(inside > 120 && inside < 280, `${inside} of 2000 waits in tenth ${tenth}`);
  }
});

test("bounds that make no sense are refused", () => {
  assert.throws(() => new Backoff({ baseMs: 0 }), RangeError);
  assert.throws(() => new Backoff({ baseMs: 100, capMs: 50 }), RangeError);
});
