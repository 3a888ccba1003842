/** A message that the server has not acknowledged yet. */
export interface OutboxEntry {
  /** The name under which it is sent, and sent again. */
  readonly clientId: string;
  readonly conversationId: string;
  readonly text: string;
  /** Instead of a text, to a live conversation. */
  readonly data?: Uint8Array;
  /** Milliseconds since 1970. The entries of a conversation are sent in the order in which they were added. */
  readonly createdAt: number;
  /** When it first left, in milliseconds since 1970; the server remembers the `clientId` for a bounded time from then on. */
  readonly firstSentAt?: number;
}

/**
 * Where unacknowledged messages are kept. One that outlives the page or process lets them survive its end: `IndexedDbOutboxStore` for browsers,
 * `FileOutboxStore` for Node. A store belongs to one user and one client. Any method may reject; the client then reports `store_failed` and
 * does not call the message sent.
 */
export interface OutboxStore {
  /**
   * All entries for this client to send, in the order in which they were first put. Called once, before all else.
   *
   * @param inherit takes entries that come to this client later, as those of another page of the user that has ended.
   */
  load(inherit: (entries: OutboxEntry[]) => void): Promise<OutboxEntry[]>;
  /** Adds an entry, or replaces the one of the same `clientId` in its place. */
  put(entry: OutboxEntry): Promise<void>;
  /** Removes an entry, if there. */
  remove(clientId: string): Promise<void>;
  /** The client has ended: what is left is for whoever loads it next. */
  close?(): void;
}

/** Keeps the outbox as long as the process or page lives. */
export class MemoryOutboxStore implements OutboxStore {
  readonly #entries = new Map<string, OutboxEntry>();

  async load(): Promise<OutboxEntry[]> {
    return [...this.#entries.values()];
  }

  async put(entry: OutboxEntry): Promise<void> {
    this.#entries.set(entry.clientId, entry);
  }

  async remove(clientId: string): Promise<void> {
    this.#entries.delete(clientId);
  }
}
