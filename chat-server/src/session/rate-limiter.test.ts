import assert from "node:assert/strict";
import { test } from "node:test";
import { RateLimiter } from "./rate-limiter.ts";

test("two seconds' worth at once, then the rate, for each user alone", () => {
  let now = 0;
  const limiter = new RateLimiter(10, () => now);
  const taken = () => Array.from({ length: 30 }, () => limiter.take("alice")).filter((wait) => wait === 0).length;
  assert.equal(taken(), 20);
  assert.equal(limiter.take("alice"), 100);
  assert.equal(limiter.take("bob"), 0);
  now += 500;
  assert.equal(taken(), 5);
});
