import type { FeedEvent } from "../delivery/feed.ts";

/** Events that may wait for the offline list, which is bounded as well. */
const MAX_WAITING = 10_000;

/**
 * Events that wait until the offline list has been sent, which is older than they are: of conversations that the client holds no position of, and so
 * could not tell that something is missing before them.
 */
export class ListFirst {
  readonly #conversationIds: ReadonlySet<string>;
  readonly #events: FeedEvent[] = [];

  constructor(conversationIds: Iterable<string>) {
    this.#conversationIds = new Set(conversationIds);
  }

  concerns({ conversationId }: FeedEvent): boolean {
    return this.#conversationIds.has(conversationId);
  }

  /** @returns false if there is no room for it. */
  hold(event: FeedEvent): boolean {
    return this.#events.push(event) <= MAX_WAITING;
  }

  /** All that waits, in the order in which it came. */
  get events(): readonly FeedEvent[] {
    return this.#events;
  }
}
