import { setTimeout as delay } from "node:timers/promises";

/** Time as the runtime sees it; tests put their own in its place. */
export interface Clock {
  /** Milliseconds of a clock that never goes back and that also counts while the process is stopped. */
  monotonicMs(): number;
  /** The wall clock, for timestamps that others read. */
  now(): Date;
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
  /** Resolves after `ms`, or at once when the signal aborts (it does not reject). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clocks and timers of Node. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  async sleep(ms, signal) {
    await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
};
