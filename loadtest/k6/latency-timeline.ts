/** One VU's latencies, counted by second and millisecond, as the report reads them from its line of output. */
export interface TimelineLine {
  readonly timeline: Record<string, Record<string, number>>;
}

/** From here on latencies are counted in steps of 5 %, not of 1 ms, so that a bad run takes no more memory than a good one. */
const EXACT_MS = 100;
const STEP = 1.05;

/** Counts latencies so that percentiles of every second can be drawn, without keeping or writing every sample. */
export class LatencyTimeline {
  readonly #seconds = new Map<number, Map<number, number>>();

  /** @param atMs when it arrived, in milliseconds since 1970. */
  add(atMs: number, latencyMs: number): void {
    const second = Math.floor(atMs / 1_000);
    const counts = this.#seconds.get(second) ?? new Map<number, number>();
    this.#seconds.set(second, counts);
    const bucket = bucketOf(latencyMs);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }

  toLine(): TimelineLine {
    const timeline: TimelineLine["timeline"] = {};
    for (const [second, counts] of this.#seconds) timeline[second] = Object.fromEntries(counts);
    return { timeline };
  }
}

/** The upper bound, in milliseconds, that stands for a latency. */
export function bucketOf(latencyMs: number): number {
  const whole = Math.max(0, Math.ceil(latencyMs));
  if (whole <= EXACT_MS) return whole;
  return Math.ceil(EXACT_MS * STEP ** Math.ceil(Math.log(whole / EXACT_MS) / Math.log(STEP)));
}
