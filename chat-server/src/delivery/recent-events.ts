import type { FeedEvent } from "./feed.ts";

/** Bounds of what is kept of one conversation. */
const MAX_EVENTS = 128;
const MAX_CHARACTERS = 262_144;

/** The last events of a live conversation, so that thousands who come back at once, a little behind, need no reading of the log each. */
export class RecentEvents {
  #events: FeedEvent[] = [];
  #characters = 0;

  /** Takes the event that follows on the last one. */
  add(event: FeedEvent): void {
    this.#events.push(event);
    this.#characters += event.body.length;
    while (this.#events.length > MAX_EVENTS || (this.#characters > MAX_CHARACTERS && this.#events.length > 1))
      this.#characters -= this.#events.shift()?.body.length ?? 0;
  }

  clear(): void {
    this.#events = [];
    this.#characters = 0;
  }

  /** All events after an offset; undefined if they do not reach back so far. */
  after(offset: number): FeedEvent[] | undefined {
    const first = this.#events[0]?.position.offset;
    if (first === undefined || offset + 1 < first) return undefined;
    return this.#events.slice(offset + 1 - first);
  }
}
