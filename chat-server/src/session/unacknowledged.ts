import type { Position } from "@chatcluster/protocol";
import type { FeedEvent } from "../delivery/feed.ts";

/** Events remembered one by one for a conversation; of more only the oldest position is kept, which puts back more than was lost. */
const REMEMBERED = 256;

/** What one connection has been given of one conversation and has not acknowledged. */
export class Unacknowledged {
  /** The client has everything up to here. */
  #from: Position;
  readonly #given: { messageId: string; position: Position }[] = [];

  constructor(from: Position) {
    this.#from = from;
  }

  get from(): Position {
    return this.#from;
  }

  given({ messageId, position }: Pick<FeedEvent, "messageId" | "position">, own: boolean): void {
    if (own && this.#given.length === 0) {
      this.#from = position;
      return;
    }
    if (this.#given.length < REMEMBERED) this.#given.push({ messageId, position });
  }

  acknowledged(upTo: string): void {
    while (this.#given[0] && this.#given[0].messageId <= upTo) {
      this.#from = this.#given[0].position;
      this.#given.shift();
    }
  }

  /** The client was told to read the history: from here it counts anew. */
  restart(position: Position): void {
    this.#from = position;
    this.#given.length = 0;
  }
}
