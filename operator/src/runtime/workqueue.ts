import { type BackoffOptions, backoffDelayMs } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";

export interface WorkqueueOptions {
  readonly clock?: Clock;
  /** Back-off of `addRateLimited`, per item; 50 ms to 5 min with a quarter of jitter by default. */
  readonly backoff?: BackoffOptions;
}

/**
 * client-go's workqueue: an item is handed to one worker at a time, however often it is added; added again while it is worked on, it is
 * handed out once more afterwards. Delays and back-off are per item; of two delayed additions the earlier counts.
 */
export class Workqueue<Item> {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  /** What wants work, in or out of the ready list. */
  readonly #dirty = new Set<Item>();
  readonly #processing = new Set<Item>();
  readonly #ready = new Set<Item>();
  readonly #delayed = new Map<Item, { dueMs: number; cancel: () => void }>();
  readonly #failures = new Map<Item, number>();
  readonly #waiting: ((item: Item | undefined) => void)[] = [];
  #drained: (() => void)[] = [];
  #isShutDown = false;

  constructor(options: WorkqueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#backoff = options.backoff ?? { baseMs: 50, capMs: 300_000, jitter: 0.25 };
  }

  /** Items that wait for a worker now. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Items that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  add(item: Item): void {
    if (this.#isShutDown || this.#dirty.has(item)) return;
    this.#dirty.add(item);
    if (!this.#processing.has(item)) this.#makeReady(item);
  }

  /** Adds after a delay; an addition of the same item that is due earlier stays. */
  addAfter(item: Item, delayMs: number): void {
    if (this.#isShutDown) return;
    if (delayMs <= 0) {
      this.add(item);
      return;
    }
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const waiting = this.#delayed.get(item);
    if (waiting && waiting.dueMs <= dueMs) return;
    waiting?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(item);
      this.add(item);
    });
    this.#delayed.set(item, { dueMs, cancel });
  }

  /** Adds after the item's back-off, which doubles each time until `forget`. @returns the delay in milliseconds. */
  addRateLimited(item: Item): number {
    const failures = this.#failures.get(item) ?? 0;
    this.#failures.set(item, failures + 1);
    const delayMs = backoffDelayMs(this.#backoff, failures);
    this.addAfter(item, delayMs);
    return delayMs;
  }

  /** How often the item was rate limited since it was last forgotten. */
  retries(item: Item): number {
    return this.#failures.get(item) ?? 0;
  }

  /** Ends the item's back-off. */
  forget(item: Item): void {
    this.#failures.delete(item);
  }

  /** Waits for an item, which must be given back by `done`; undefined once the queue is shut down and empty. */
  get(): Promise<Item | undefined> {
    const [item] = this.#ready;
    if (item !== undefined) {
      this.#ready.delete(item);
      this.#take(item);
      return Promise.resolve(item);
    }
    if (this.#isShutDown) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Item | undefined>();
    this.#waiting.push(resolve);
    return promise;
  }

  /** The work on the item has ended, well or not. */
  done(item: Item): void {
    this.#processing.delete(item);
    if (this.#dirty.has(item)) this.#makeReady(item);
    this.#settle();
  }

  /** Takes no more items; resolves once those that were ready or in work are done. Delayed ones are dropped. */
  shutDown(): Promise<void> {
    this.#isShutDown = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained.push(resolve);
    this.#settle();
    return promise;
  }

  #makeReady(item: Item): void {
    const worker = this.#waiting.shift();
    if (!worker) {
      this.#ready.add(item);
      return;
    }
    this.#take(item);
    worker(item);
  }

  #take(item: Item): void {
    this.#dirty.delete(item);
    this.#processing.add(item);
  }

  #settle(): void {
    if (!this.#isShutDown || this.#processing.size > 0 || this.#ready.size > 0) return;
    for (const resolve of this.#drained) resolve();
    this.#drained = [];
  }
}
