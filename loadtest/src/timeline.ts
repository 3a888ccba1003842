import type { TimelineLine } from "../k6/latency-timeline.ts";

/** Counts of latencies, by the millisecond that stands for them. */
export type Histogram = ReadonlyMap<number, number>;

/** The latencies of one second of a run. */
export interface Second {
  /** Since 1970. */
  readonly second: number;
  readonly histogram: Histogram;
}

/** Adds up the lines that the VUs of a run wrote, in order of time. Other lines are passed over. */
export function mergeTimelines(log: string): Second[] {
  const seconds = new Map<number, Map<number, number>>();
  for (const line of log.split("\n")) {
    if (!line.startsWith('{"timeline"')) continue;
    const { timeline } = JSON.parse(line) as TimelineLine;
    for (const [second, counts] of Object.entries(timeline)) {
      const histogram = seconds.get(Number(second)) ?? new Map<number, number>();
      seconds.set(Number(second), histogram);
      for (const [ms, count] of Object.entries(counts))
        histogram.set(Number(ms), (histogram.get(Number(ms)) ?? 0) + count);
    }
  }
  return [...seconds].sort(([a], [b]) => a - b).map(([second, histogram]) => ({ second, histogram }));
}

/** All seconds in one. */
export function total(seconds: readonly Second[]): Histogram {
  const sum = new Map<number, number>();
  for (const { histogram } of seconds) for (const [ms, count] of histogram) sum.set(ms, (sum.get(ms) ?? 0) + count);
  return sum;
}

export function countOf(histogram: Histogram): number {
  return [...histogram.values()].reduce((sum, count) => sum + count, 0);
}

/** The smallest latency, in milliseconds, that `percent` of the samples do not exceed (nearest rank). NaN if there are none. */
export function percentile(histogram: Histogram, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * countOf(histogram)));
  let below = 0;
  for (const [ms, count] of [...histogram].sort(([a], [b]) => a - b)) {
    below += count;
    if (below >= rank) return ms;
  }
  return Number.NaN;
}
