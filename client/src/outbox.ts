import type { Sent } from "@chatcluster/protocol";
import { IDEMPOTENCY_WINDOW_MS } from "@chatcluster/protocol/limits";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { delay } from "./delay.ts";
import { ChatError, ClientErrorCode, isRetryable } from "./errors.ts";
import type { OutboxEntry, OutboxStore } from "./store.ts";

/** What the server acknowledged: the message is stored. */
export type SentMessage = Omit<Sent, "type" | "re">;

export interface OutboxHooks {
  /** Sends on the connection that is in use. @throws ChatError as `Connection.request` does. */
  send(entry: OutboxEntry): Promise<SentMessage>;
  connected(): boolean;
  sent(sent: SentMessage): void;
  failed(entry: OutboxEntry, error: ChatError): void;
}

interface Item {
  entry: OutboxEntry;
  readonly resolve: (sent: SentMessage) => void;
  readonly reject: (error: unknown) => void;
  withdrawn: boolean;
}

/**
 * Sends each message until the server acknowledges it, under one `clientId`, so that it is stored once however often it leaves. One message
 * of a conversation is under way at a time: a later one can't overtake one that has to be sent again.
 */
export class Outbox {
  readonly #store: OutboxStore;
  readonly #hooks: OutboxHooks;
  readonly #backoff: BackoffOptions;
  readonly #signal: AbortSignal;
  readonly #queues = new Map<string, Item[]>();
  readonly #busy = new Set<string>();
  #restored: Promise<void> | undefined;

  constructor(store: OutboxStore, hooks: OutboxHooks, backoff: BackoffOptions, signal: AbortSignal) {
    this.#store = store;
    this.#hooks = hooks;
    this.#backoff = backoff;
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const queue of this.#queues.values()) for (const item of queue) item.reject(signal.reason);
      this.#queues.clear();
      this.#store.close?.();
    });
  }

  /** What is not acknowledged yet; of each conversation in its order. */
  get entries(): OutboxEntry[] {
    const items = [...this.#queues.values()].flat();
    return items.filter(({ withdrawn }) => !withdrawn).map(({ entry }) => entry);
  }

  /** Takes up, once, what an earlier life of the client left. Its outcome is told by the events only. @throws ChatError `store_failed`. */
  restore(): Promise<void> {
    this.#restored ??= this.#load().catch((error: unknown) => {
      this.#restored = undefined;
      throw error;
    });
    return this.#restored;
  }

  async #load(): Promise<void> {
    this.#takeUp(await stored(() => this.#store.load((entries) => this.#takeUp(entries))));
  }

  #takeUp(entries: readonly OutboxEntry[]): void {
    // Whoever loads the store next gets them again.
    if (this.#signal.aborted) return;
    for (const entry of entries) this.#enqueue(entry, { resolve: () => undefined, reject: () => undefined });
  }

  /**
   * Adds a message and waits for its acknowledgement.
   *
   * @throws ChatError the server's final refusal, `expired`, `store_failed`, or `closed`; the signal's reason if that aborts, upon which
   * the message is not sent again, but may have been stored already.
   */
  async add(entry: OutboxEntry, signal: AbortSignal | undefined): Promise<SentMessage> {
    signal?.throwIfAborted();
    // Older messages first; and an entry that is put before the store is read would be taken up twice.
    await this.restore();
    await stored(() => this.#store.put(entry));
    this.#signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const item = this.#enqueue(entry, { resolve, reject });
      const withdraw = () => void this.#withdraw(item, signal?.reason);
      if (signal?.aborted) withdraw();
      else signal?.addEventListener("abort", withdraw, { once: true });
    });
  }

  /** A connection is there: sends what waits. */
  flush(): void {
    for (const conversationId of this.#queues.keys()) void this.#run(conversationId);
  }

  #enqueue(entry: OutboxEntry, { resolve, reject }: Pick<Item, "resolve" | "reject">): Item {
    const item: Item = { entry, resolve, reject, withdrawn: false };
    const queue = this.#queues.get(entry.conversationId) ?? [];
    this.#queues.set(entry.conversationId, queue);
    queue.push(item);
    void this.#run(entry.conversationId);
    return item;
  }

  async #run(conversationId: string): Promise<void> {
    if (this.#busy.has(conversationId)) return;
    this.#busy.add(conversationId);
    try {
      for (let item = this.#next(conversationId); item; item = this.#next(conversationId)) {
        if (!(await this.#deliver(item))) return;
      }
      this.#queues.delete(conversationId);
    } finally {
      this.#busy.delete(conversationId);
    }
  }

  /** The first message of a conversation that has not been withdrawn. */
  #next(conversationId: string): Item | undefined {
    const queue = this.#queues.get(conversationId) ?? [];
    while (queue[0]?.withdrawn) queue.shift();
    return queue[0];
  }

  /** @returns false if there is no connection any more. */
  async #deliver(item: Item): Promise<boolean> {
    const backoff = new Backoff(this.#backoff);
    while (!item.withdrawn) {
      if (!this.#hooks.connected()) return false;
      try {
        await this.#stamp(item);
        const sent = await this.#hooks.send(item.entry);
        await this.#finish(item);
        item.resolve(sent);
        this.#hooks.sent(sent);
      } catch (error) {
        if (this.#signal.aborted) return false;
        if (isRetryable(error)) {
          await this.#wait(error, backoff);
          continue;
        }
        await this.#refuse(item, error);
      }
    }
    return true;
  }

  async #wait(error: ChatError, backoff: Backoff): Promise<void> {
    if (error.code === ClientErrorCode.ConnectionLost) return;
    // The client's end wakes it up; the loop sees that by itself.
    await delay(error.retryAfterMs ?? backoff.next(), this.#signal).catch(() => undefined);
  }

  /** Notes when the message first leaves, and refuses it once the server may have forgotten its name. */
  async #stamp(item: Item): Promise<void> {
    const now = Date.now();
    if (item.entry.firstSentAt === undefined) {
      item.entry = { ...item.entry, firstSentAt: now };
      await stored(() => this.#store.put(item.entry));
    } else if (now - item.entry.firstSentAt >= IDEMPOTENCY_WINDOW_MS) {
      throw new ChatError(ClientErrorCode.Expired, "the message was not acknowledged within the idempotency window");
    }
  }

  async #refuse(item: Item, error: unknown): Promise<void> {
    const refusal =
      error instanceof ChatError ? error : new ChatError("internal", "the message could not be sent", { cause: error });
    item.reject(refusal);
    await this.#finish(item).catch((failure: unknown) => {
      if (failure instanceof ChatError) this.#hooks.failed(item.entry, failure);
    });
    this.#hooks.failed(item.entry, refusal);
  }

  async #withdraw(item: Item, reason: unknown): Promise<void> {
    if (item.withdrawn) return;
    item.reject(reason);
    await this.#finish(item).catch((failure: unknown) => {
      if (failure instanceof ChatError) this.#hooks.failed(item.entry, failure);
    });
  }

  async #finish(item: Item): Promise<void> {
    item.withdrawn = true;
    await stored(() => this.#store.remove(item.entry.clientId));
  }
}

async function stored<Value>(action: () => Promise<Value>): Promise<Value> {
  try {
    return await action();
  } catch (cause) {
    throw new ChatError(ClientErrorCode.StoreFailed, "the outbox store failed", { cause });
  }
}
