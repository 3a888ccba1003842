import type { Conversation, Position, ServerFrame } from "@chatcluster/protocol";
import { MAX_POSITIONS } from "@chatcluster/protocol/limits";

/** How far the frames that went by have come, for a login in the middle of a connection, as polling needs where servers take turns. */
export class KnownPositions {
  /** In the order of the last change. */
  readonly #positions = new Map<string, Position>();

  add(positions: Record<string, Position>): void {
    for (const [conversationId, position] of Object.entries(positions)) this.#set(conversationId, position);
  }

  note(text: string): void {
    if (!/"position":|"unsubscribed"|"conversation_removed"/.test(text)) return;
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      // Whoever the frame is for says so.
      return;
    }
    if (frame.type === "conversations")
      for (const { conversation, position } of frame.conversations) this.#begin(conversation, position);
    else if (frame.type === "conversation_added" || frame.type === "conversation") {
      if (frame.position) this.#begin(frame.conversation, frame.position);
    }
    // Who is invited again begins after that, not where the first stay ended.
    else if (frame.type === "unsubscribed" || frame.type === "conversation_removed")
      this.#positions.delete(frame.conversationId);
    else if ("position" in frame && frame.position) this.#event(frame, frame.position);
  }

  get size(): number {
    return this.#positions.size;
  }

  /** As many as a login may carry. */
  latest(): Record<string, Position> {
    return Object.fromEntries([...this.#positions].slice(-MAX_POSITIONS));
  }

  /** Whatever has a place in a log, also of a kind that this client does not know yet. */
  #event(frame: object, position: Position): void {
    const event = frame as {
      type: string;
      message?: { conversationId: string };
      conversationId?: string;
      recovered?: boolean;
    };
    const conversationId = event.message?.conversationId ?? event.conversationId;
    // Of what is resumed the events up to that position are yet to come; `subscribed` tells where they begin.
    const isReached = event.type === "subscribed" || !event.recovered;
    if (conversationId !== undefined && isReached) this.#set(conversationId, position);
  }

  /** To have the position of a live conversation is to be subscribed to it. */
  #begin({ id, kind }: Conversation, position: Position): void {
    if (kind !== "live" && !this.#positions.has(id)) this.#positions.set(id, position);
  }

  #set(conversationId: string, position: Position): void {
    const known = this.#positions.get(conversationId);
    if (known?.epoch === position.epoch && known.offset >= position.offset) return;
    this.#positions.delete(conversationId);
    this.#positions.set(conversationId, position);
  }
}
