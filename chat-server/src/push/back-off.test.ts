import assert from "node:assert/strict";
import { it } from "node:test";
import { backOffMs } from "./back-off.ts";

it("back-off doubles up to a quarter of an hour, half of it by chance", () => {
  for (const [attempt, least, most] of [
    [0, 500, 1_000],
    [1, 1_000, 2_000],
    [5, 16_000, 32_000],
    [50, 450_000, 900_000],
  ] as const) {
    assert.equal(
      backOffMs(attempt, 0, () => 0),
      least,
    );
    assert.equal(
      backOffMs(attempt, 0, () => 1),
      most,
    );
  }
});

it("back-off is never shorter than asked, and spreads what was asked of many at once", () => {
  assert.equal(
    backOffMs(0, 60_000, () => 0),
    60_000,
  );
  assert.equal(
    backOffMs(0, 60_000, () => 1),
    66_000,
  );
  assert.equal(
    backOffMs(50, 60_000, () => 0),
    450_000,
  );
});
