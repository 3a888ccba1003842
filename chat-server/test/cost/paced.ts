import { setTimeout as delay } from "node:timers/promises";

/**
 * Does something `rate` times a second for so many seconds, whether or not what was done before has been answered. `work` gets the time at which
 * it was due (`performance.now()`): latencies count from there, so that a generator that lags hides nothing.
 */
export async function paced(
  rate: number,
  seconds: number,
  work: (index: number, dueAt: number) => void,
): Promise<void> {
  const start = performance.now();
  const total = Math.round(rate * seconds);
  for (let done = 0; done < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * rate) + 1);
    for (; done < due; done++) work(done, start + (done / rate) * 1_000);
    await delay(1);
  }
}
