/** How long to wait between attempts. All times in milliseconds. */
export interface BackoffOptions {
  /** Upper bound of the first wait [500]. */
  baseMs?: number;
  /** Upper bound of every wait [30,000]. */
  capMs?: number;
  /** Source of randomness, from 0 up to but not including 1 [Math.random]. */
  random?: () => number;
}

/**
 * Exponential back-off with full jitter: the n-th wait is uniform between 0 and min(cap, base * 2^n), so that clients which lost their
 * server at the same moment do not come back at the same moment (M. Brooker, "Exponential Backoff And Jitter", AWS, 2015).
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor({ baseMs = 500, capMs = 30_000, random = Math.random }: BackoffOptions = {}) {
    if (!(baseMs > 0) || !(capMs >= baseMs)) throw new RangeError("back-off: 0 < baseMs <= capMs is required");
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** The next wait in milliseconds. */
  next(): number {
    const bound = Math.min(this.#capMs, this.#baseMs * 2 ** this.#attempt);
    // Beyond the cap a higher exponent changes nothing, and would overflow some day.
    if (bound < this.#capMs) this.#attempt++;
    return Math.floor(this.#random() * bound);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
