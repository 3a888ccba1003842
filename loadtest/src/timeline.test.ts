import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketOf, LatencyTimeline } from "../k6/latency-timeline.ts";
import { countOf, mergeTimelines, percentile, total } from "./timeline.ts";

test("the lines of several VUs add up, second by second, and give the percentiles of all", () => {
  const [a, b] = [new LatencyTimeline(), new LatencyTimeline()];
  for (let ms = 1; ms <= 99; ms += 2) a.add(5_000 + ms, ms);
  for (let ms = 2; ms <= 100; ms += 2) b.add(5_999, ms);
  b.add(4_000, 7);
  const log = ["k6 says something", JSON.stringify(a.toLine()), "", JSON.stringify(b.toLine())].join("\n");
  const seconds = mergeTimelines(log);
  assert.deepEqual(
    seconds.map(({ second, histogram }) => [second, countOf(histogram)]),
    [
      [4, 1],
      [5, 100],
    ],
  );
  const { histogram } = seconds[1] as { histogram: ReadonlyMap<number, number> };
  assert.deepEqual(
    [50, 95, 99, 100].map((percent) => percentile(histogram, percent)),
    [50, 95, 99, 100],
  );
  assert.equal(countOf(total(seconds)), 101);
  assert.ok(Number.isNaN(percentile(new Map(), 50)));
});

test("a bucket is never below the latency, and at most 5 % and a millisecond above it", () => {
  for (let ms = 0; ms < 20_000; ms += 7) {
    const bucket = bucketOf(ms);
    assert.ok(bucket >= ms && bucket <= ms * 1.05 + 1, `${ms} counted as ${bucket}`);
  }
});
