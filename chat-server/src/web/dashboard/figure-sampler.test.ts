import assert from "node:assert/strict";
import { test } from "node:test";
import { DURATION_BOUNDS, Metrics } from "../../admin/metrics.ts";
import { FigureSampler } from "./figure-sampler.ts";
import { quantile } from "./figures.ts";

test("rates are those since the last sample, durations those of the last ten", async () => {
  const metrics = new Metrics(() => 0);
  const sampler = new FigureSampler("s-1", metrics, () => 7);
  metrics.messages.inc(100);
  const first = await sampler.next(1_000);
  assert.equal(first.connections, 7);
  assert.equal(first.messagesPerSecond, 0, "what was before the first sample has no rate");

  metrics.messages.inc(50);
  metrics.deliveries.inc(5);
  metrics.sendSeconds.observe(0.003);
  metrics.deliverySeconds.observe(9);
  const second = await sampler.next(3_000);
  assert.equal(second.messagesPerSecond, 25);
  assert.equal(second.deliveriesPerSecond, 2.5);
  assert.deepEqual(second.sends, [0, 0, 1, ...new Array(DURATION_BOUNDS.length - 2).fill(0)]);
  assert.ok(quantile(second.sends, 0.5) > 2 && quantile(second.sends, 0.5) <= 5);
  assert.equal(second.deliveries.at(-1), 1);

  let last = second;
  for (let at = 4_000; at <= 14_000; at += 1_000) last = await sampler.next(at);
  assert.equal(
    last.sends.reduce((sum, count) => sum + count),
    0,
    "forgotten after ten seconds",
  );
  assert.equal(last.messagesPerSecond, 0);
});
