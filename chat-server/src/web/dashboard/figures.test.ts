import assert from "node:assert/strict";
import { test } from "node:test";
import { DURATION_BOUNDS } from "../../admin/metrics.ts";
import { quantile, type ServerFigures, snapshotOf } from "./figures.ts";

const counts = (classes: Record<number, number>) =>
  Array.from({ length: DURATION_BOUNDS.length + 1 }, (_, index) => classes[index] ?? 0);
const none = counts({});
const figures = (serverId: string, more: Partial<ServerFigures> = {}): ServerFigures => ({
  serverId,
  at: 1,
  connections: 0,
  messagesPerSecond: 0,
  deliveriesPerSecond: 0,
  sends: none,
  deliveries: none,
  ...more,
});

test("a percentile lies in its class, in proportion", () => {
  // 100 durations between 5 and 10 ms.
  assert.equal(quantile(counts({ 3: 100 }), 0.5), 7.5);
  assert.equal(quantile(counts({ 0: 50, 3: 50 }), 0.5), 1);
  assert.equal(quantile(counts({ 0: 50, 3: 50 }), 0.75), 7.5);
  assert.equal(quantile(counts({ 12: 5 }), 0.99), 5_000, "longer than can be told");
});

test("percentiles of several servers are those of all their durations together, not their mean", () => {
  const slow = figures("b", { deliveries: counts({ 6: 2 }) });
  const fast = figures("a", { deliveries: counts({ 0: 98 }) });
  const { servers, deliveries, sends } = snapshotOf([slow, fast], 5);
  assert.deepEqual(
    servers.map(({ serverId }) => serverId),
    ["a", "b"],
  );
  assert.ok(deliveries);
  assert.ok(deliveries.p95 < 1, "95 of 100 took less than a millisecond");
  assert.equal(Math.round(deliveries.p99), 75);
  assert.equal(sends, undefined, "nothing was measured, which is not 0");
});
