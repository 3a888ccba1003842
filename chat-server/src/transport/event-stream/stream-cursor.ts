import type { Position } from "@chatcluster/protocol";
import { isLive } from "../../conversation/conversation-id.ts";
import type { OutboundFrame } from "../../session/outbound-frame.ts";

/** Characters of a cursor: it comes back as the header `Last-Event-ID`, and proxies bound headers (HAProxy: 16 KiB for all of them). */
const MAX_LENGTH = 6_000;
/** Before a cursor that had no room for every conversation. No id begins so. */
const INCOMPLETE = "!";
const ENTRY = /^([A-Za-z0-9._@+~|=-]{1,128}):([A-Za-z0-9._-]{1,32}):(\d{1,15})$/;

/** Where a frame takes its conversation; without a position, out of the cursor. */
export interface Mark {
  conversationId: string;
  position?: Position;
}

const marks = new WeakMap<OutboundFrame, Mark | null>();

/** Read from the frame's text, once however many streams it goes to. */
export function markOf(frame: OutboundFrame): Mark | undefined {
  let mark = marks.get(frame);
  if (mark === undefined) {
    mark = readMark(frame.text) ?? null;
    marks.set(frame, mark);
  }
  return mark ?? undefined;
}

function readMark(text: string): Mark | undefined {
  const frame = JSON.parse(text) as {
    type: string;
    recovered?: boolean;
    position?: Position;
    conversationId?: string;
    message?: { conversationId: string };
    conversation?: { id: string; kind: string };
  };
  const conversationId = frame.message?.conversationId ?? frame.conversation?.id ?? frame.conversationId;
  if (conversationId === undefined) return undefined;
  if (frame.type === "unsubscribed" || frame.type === "conversation_removed") return { conversationId };
  // A live conversation that one is a member of is not one that one is subscribed to.
  if (!frame.position || frame.conversation?.kind === "live") return undefined;
  // Of what is resumed the events up to that position are yet to come.
  if (frame.type === "resumed" && frame.recovered) return undefined;
  return { conversationId, position: frame.position };
}

/**
 * All that a client needs to go on, on whichever server, as the text of an event's `id`: `conversation:epoch:offset,…`. Live conversations
 * first, for nothing else says what a stream is subscribed to; there is room for as many as a connection may have. If not all of the others
 * have room, those that were silent for longest are left out, and the cursor says so.
 */
export class StreamCursor {
  /** In the order of the last change. */
  readonly #positions = new Map<string, Position>();

  set({ conversationId, position }: Mark): void {
    this.#positions.delete(conversationId);
    if (position) this.#positions.set(conversationId, position);
  }

  has(conversationId: string): boolean {
    return this.#positions.has(conversationId);
  }

  toString(): string {
    let length = 0;
    const entries: string[] = [];
    const latestFirst = [...this.#positions].reverse();
    const live = latestFirst.filter(([conversationId]) => isLive(conversationId));
    const others = latestFirst.filter(([conversationId]) => !isLive(conversationId));
    for (const [conversationId, { epoch, offset }] of [...live, ...others]) {
      const entry = `${conversationId}:${epoch}:${offset}`;
      length += entry.length + 1;
      if (length > MAX_LENGTH) return INCOMPLETE + entries.join(",");
      entries.push(entry);
    }
    return entries.join(",");
  }
}

/** Reads a cursor that a client hands in. Undefined if it is none of ours. */
export function parseCursor(text: string): { positions: Record<string, Position>; complete: boolean } | undefined {
  const complete = !text.startsWith(INCOMPLETE);
  const positions: Record<string, Position> = {};
  for (const entry of text.slice(complete ? 0 : 1).split(",")) {
    if (entry === "") continue;
    const [, conversationId, epoch, offset] = ENTRY.exec(entry) ?? [];
    if (conversationId === undefined || epoch === undefined) return undefined;
    positions[conversationId] = { epoch, offset: Number(offset) };
  }
  return { positions, complete };
}
