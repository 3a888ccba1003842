import type { Transport } from "./transport.ts";

/** Attempts that fail in a row before the next transport is tried: of one that has never worked here, and of one that has. */
const UNPROVEN_FAILURES = 2;
const PROVEN_FAILURES = 4;
/** The longest time between two attempts to climb, in milliseconds. */
const MAX_CLIMB_MS = 30 * 60_000;

/**
 * Which transport to connect by: the best one that the network lets through. One that fails again and again gives way to the next, after the
 * last comes the first, and from a lower one the higher ones are tried again from time to time, ever less often.
 */
export class TransportLadder {
  readonly #transports: readonly Transport[];
  readonly #proven = new Set<Transport>();
  readonly #climbAfterMs: number;
  #index = 0;
  #failures = 0;
  #climbMs: number;

  /** @param transports the best one first; at least one. */
  constructor(transports: readonly Transport[], climbAfterMs: number) {
    if (transports.length === 0) throw new RangeError("transports: at least one is required");
    this.#transports = transports;
    this.#climbAfterMs = climbAfterMs;
    this.#climbMs = climbAfterMs;
  }

  get current(): Transport {
    return this.#transports[this.#index] as Transport;
  }

  /** Better ones than the present, best first. */
  get above(): readonly Transport[] {
    return this.#transports.slice(0, this.#index);
  }

  /** A login succeeded. Returns the milliseconds after which to try a better transport; undefined if there is none. */
  connected(transport: Transport): number | undefined {
    const index = this.#transports.indexOf(transport);
    if (index < this.#index) this.#climbMs = this.#climbAfterMs;
    if (index !== this.#index) this.#failures = 0;
    this.#index = index;
    this.#proven.add(transport);
    return index > 0 ? this.#climbMs : undefined;
  }

  /** The present one has held a connection for long enough. */
  stable(): void {
    this.#failures = 0;
  }

  /** The present one failed as one does that the network holds back. */
  failed(): void {
    this.#failures++;
    if (this.#failures < (this.#proven.has(this.current) ? PROVEN_FAILURES : UNPROVEN_FAILURES)) return;
    this.#failures = 0;
    this.#index = (this.#index + 1) % this.#transports.length;
  }

  /** None of those above works yet. Returns the milliseconds until the next attempt. */
  stayed(): number {
    this.#climbMs = Math.min(MAX_CLIMB_MS, this.#climbMs * 2);
    return this.#climbMs;
  }
}
