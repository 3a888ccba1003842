/**
 * Counts who wants a channel. The first one subscribes, the last one unsubscribes, everybody in between waits for the first one's
 * subscription.
 */
export class CountedChannels {
  readonly #channels = new Map<string, { count: number; ready: Promise<void> }>();
  readonly #subscribe: (channel: string) => Promise<void>;
  readonly #unsubscribe: (channel: string) => void;

  constructor(subscribe: (channel: string) => Promise<void>, unsubscribe: (channel: string) => void) {
    this.#subscribe = subscribe;
    this.#unsubscribe = unsubscribe;
  }

  /** Rejects if subscribing failed; the caller then holds nothing. */
  async add(channel: string): Promise<void> {
    let entry = this.#channels.get(channel);
    if (entry) {
      entry.count++;
    } else {
      entry = { count: 1, ready: this.#subscribe(channel) };
      this.#channels.set(channel, entry);
    }
    try {
      await entry.ready;
    } catch (error) {
      if (this.#channels.get(channel) === entry) this.#channels.delete(channel);
      throw error;
    }
  }

  remove(channel: string): void {
    const entry = this.#channels.get(channel);
    if (!entry || --entry.count > 0) return;
    this.#channels.delete(channel);
    this.#unsubscribe(channel);
  }

  has(channel: string): boolean {
    return this.#channels.has(channel);
  }

  names(): string[] {
    return [...this.#channels.keys()];
  }
}
