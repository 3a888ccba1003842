import type { Logger } from "@chatcluster/foundation/logger";
import type { RedisNode } from "./node.ts";

/** Channels in one command, and commands at a time. */
const BATCH = 500;
const RENEWAL_RETRY_MS = 250;
const ENDED_MS = 20;

export interface SubscriptionsOptions {
  /** Subscribes to channels of one slot, wherever it is, and tells where. */
  subscribe: (channels: readonly string[]) => Promise<RedisNode>;
  slotOf: (channel: string) => number;
  /** Undefined if no node has it now. */
  ownerOf: (channel: string) => RedisNode | undefined;
  /** Channels that were lost and are there again: what was published in between did not arrive. */
  onRenewed: (channels: string[]) => void;
  logger: Logger;
}

/** Keeps what is subscribed to subscribed to: after a connection was lost, and when channels move to other nodes. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Each channel that is wanted, with the node it is subscribed to at; undefined while it is nowhere. */
  readonly #places = new Map<string, RedisNode | undefined>();
  /** Those that were somewhere and are nowhere. */
  readonly #lost = new Set<string>();
  readonly #ended = new Set<RedisNode>();
  #renewing = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Rejects if it can't be subscribed to now; it is then not wanted. */
  async add(channel: string): Promise<void> {
    this.#places.set(channel, undefined);
    try {
      const node = await this.#options.subscribe([channel]);
      if (this.#places.has(channel)) this.#places.set(channel, node);
      else node.unsubscribe(channel);
    } catch (error) {
      this.#places.delete(channel);
      throw error;
    }
  }

  remove(channel: string): void {
    const node = this.#places.get(channel);
    this.#places.delete(channel);
    this.#lost.delete(channel);
    node?.unsubscribe(channel);
  }

  get complete(): boolean {
    return this.#lost.size === 0;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The node's connection was lost. */
  lostAt(node: RedisNode): void {
    this.#lose((_channel, place) => place === node);
  }

  /** The node has ended some; it says so for each, so they are looked at together a moment later. */
  endedAt(node: RedisNode): void {
    if (this.#ended.size === 0) setTimeout(() => this.#loseEnded(), ENDED_MS).unref();
    this.#ended.add(node);
  }

  /** Channels may have another node now, or one that can be reached. */
  check(): void {
    this.#lose((channel, place) => {
      const owner = this.#options.ownerOf(channel);
      if (owner === undefined || owner === place) return false;
      place.unsubscribe(channel);
      return true;
    });
    this.#wake?.();
  }

  #loseEnded(): void {
    const left = new Map([...this.#ended].map((node) => [node, node.subscribed()]));
    this.#ended.clear();
    this.#lose((channel, place) => left.get(place)?.has(channel) === false);
  }

  #lose(isLost: (channel: string, place: RedisNode) => boolean): void {
    for (const [channel, place] of this.#places) {
      if (place === undefined || !isLost(channel, place)) continue;
      this.#places.set(channel, undefined);
      this.#lost.add(channel);
    }
    if (this.#lost.size > 0 && !this.#renewing) void this.#renew();
  }

  async #renew(): Promise<void> {
    this.#renewing = true;
    while (this.#lost.size > 0 && !this.#closed) {
      const batches = this.#batches();
      for (let start = 0; start < batches.length; start += BATCH) {
        const outcomes = await Promise.all(batches.slice(start, start + BATCH).map((batch) => this.#renewBatch(batch)));
        const renewed = outcomes.flat();
        if (renewed.length > 0) this.#options.onRenewed(renewed);
      }
      if (this.#lost.size > 0 && !this.#closed) await this.#pause();
    }
    this.#renewing = false;
  }

  async #renewBatch(batch: string[]): Promise<string[]> {
    try {
      const node = await this.#options.subscribe(batch);
      return batch.filter((channel) => {
        if (!this.#lost.delete(channel)) {
          // It is no longer wanted, or wanted anew by somebody who has subscribed to it since.
          if (!this.#places.has(channel)) node.unsubscribe(channel);
          return false;
        }
        this.#places.set(channel, node);
        return true;
      });
    } catch (error) {
      this.#options.logger.debug({ err: error, count: batch.length }, "subscriptions not renewed yet");
      return [];
    }
  }

  /** Of one slot each. */
  #batches(): string[][] {
    const bySlot = new Map<number, string[]>();
    const batches: string[][] = [];
    for (const channel of this.#lost) {
      const slot = this.#options.slotOf(channel);
      let batch = bySlot.get(slot);
      if (!batch || batch.length === BATCH) {
        batch = [];
        bySlot.set(slot, batch);
        batches.push(batch);
      }
      batch.push(channel);
    }
    return batches;
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RENEWAL_RETRY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
