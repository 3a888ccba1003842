import { CodedError } from "@chatcluster/foundation/errors";

/** Seconds' worth of messages that a user who was silent may send at once. */
const BURST_SECONDS = 2;
const SWEEP_SIZE = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket for each user, whichever of its connections to this server it uses. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, now: () => number = Date.now) {
    this.#perSecond = perSecond;
    this.#capacity = Math.max(1, perSecond * BURST_SECONDS);
    this.#now = now;
  }

  /** 0 if the user may send now (which is then counted), else the milliseconds after which it may. One look-up, and nothing allocated. */
  take(userId: string): number {
    const now = this.#now();
    const bucket = this.#buckets.get(userId) ?? this.#add(userId, now);
    bucket.tokens = Math.min(this.#capacity, bucket.tokens + ((now - bucket.at) / 1_000) * this.#perSecond);
    bucket.at = now;
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / this.#perSecond) * 1_000);
    bucket.tokens -= 1;
    return 0;
  }

  #add(userId: string, now: number): Bucket {
    if (this.#buckets.size >= SWEEP_SIZE) this.#sweep(now);
    const bucket = { tokens: this.#capacity, at: now };
    this.#buckets.set(userId, bucket);
    return bucket;
  }

  /** A bucket that is full again says no more than none. */
  #sweep(now: number): void {
    for (const [userId, bucket] of this.#buckets)
      if (now - bucket.at > BURST_SECONDS * 1_000) this.#buckets.delete(userId);
  }
}

/** A limit that says when to come back. */
export class RateLimited extends CodedError {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super("rate_limited", message);
    this.retryAfterMs = retryAfterMs;
  }
}
