/** A message that the server has not acknowledged yet. */
export interface OutboxEntry {
  /** The name under which it is sent, and sent again. */
  readonly clientId: string;
  readonly conversationId: string;
  readonly text: string;
  /** Milliseconds since 1970. The entries of a conversation are sent in the order in which they were added. */
  readonly createdAt: number;
  /** When it first left, in milliseconds since 1970; the server remembers the `clientId` for a bounded time from then on. */
  readonly firstSentAt?: number;
}

/**
 * Where unacknowledged messages are kept. One that outlives the page lets them survive a reload. A store belongs to one user and one
 * client at a time. Any method may reject; the client then reports `store_failed` and does not call the message sent.
 */
export interface OutboxStore {
  /** All entries, in the order in which they were first put. */
  load(): Promise<OutboxEntry[]>;
  /** Adds an entry, or replaces the one of the same `clientId` in its place. */
  put(entry: OutboxEntry): Promise<void>;
  /** Removes an entry, if there. */
  remove(clientId: string): Promise<void>;
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
