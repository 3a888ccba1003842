/** Exponential back-off: `baseMs * 2^failures`, at most `capMs`, less up to `jitter` (0 to 1) of it. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** The share of the delay that is random; 1 is full jitter. */
  readonly jitter: number;
}

/** The delay before the next attempt after `failures` earlier ones (0 for the first retry), in milliseconds. */
export function backoffDelayMs(options: BackoffOptions, failures: number, random: () => number = Math.random): number {
  // 2^1024 is Infinity: the cap holds for any number of failures.
  const full = Math.min(options.capMs, options.baseMs * 2 ** failures);
  return full * (1 - options.jitter * random());
}
