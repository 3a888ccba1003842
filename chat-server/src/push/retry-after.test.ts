import assert from "node:assert/strict";
import { it } from "node:test";
import { retryAfterMs } from "./retry-after.ts";

it("Retry-After is in seconds or a date, and bounded", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfterMs("120", now), 120_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 2026 00:01:00 GMT", now), 60_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 2015 00:01:00 GMT", now), 0);
  assert.equal(retryAfterMs("999999999", now), 6 * 3_600_000);
  for (const none of [null, undefined, "", "soon", "-1x"]) assert.equal(retryAfterMs(none, now), undefined);
});
