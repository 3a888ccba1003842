import type { Position } from "@chatcluster/protocol";
import type { FeedEvent } from "../delivery/feed.ts";

/** Events remembered one by one for a conversation; of more only the oldest position is kept, which puts back more than was lost. */
const REMEMBERED = 256;

/** What one connection has been given of one conversation and has not acknowledged. */
export class Unacknowledged {
  /** The client has everything up to here. */
  #from: Position;
  /** Of what was given, in order; two lists, so that a delivery makes no object. */
  readonly #messageIds: string[] = [];
  readonly #positions: Position[] = [];

  constructor(from: Position) {
    this.#from = from;
  }

  get from(): Position {
    return this.#from;
  }

  given({ messageId, position }: Pick<FeedEvent, "messageId" | "position">, own: boolean): void {
    if (own && this.#positions.length === 0) {
      this.#from = position;
      return;
    }
    if (this.#positions.length >= REMEMBERED) return;
    this.#messageIds.push(messageId);
    this.#positions.push(position);
  }

  acknowledged(upTo: string): void {
    let covered = 0;
    for (const messageId of this.#messageIds) {
      if (messageId > upTo) break;
      covered++;
    }
    if (covered === 0) return;
    this.#from = this.#positions[covered - 1] ?? this.#from;
    this.#messageIds.splice(0, covered);
    this.#positions.splice(0, covered);
  }

  /** The client was told to read the history: from here it counts anew. */
  restart(position: Position): void {
    this.#from = position;
    this.#messageIds.length = 0;
    this.#positions.length = 0;
  }
}
