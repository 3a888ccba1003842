import type { Receipt } from "@chatcluster/protocol";

/**
 * How far each member is known to have got, so that the application never sees a receipt go back: two devices of a member may be on two
 * servers, which store the furthest receipt, but publish in whatever order they come to it.
 */
export class ReceiptMarks {
  readonly #furthest = new Map<string, string>();

  /** Notes a receipt. @returns false if as much was known before. */
  advance({ conversationId, userId, kind, upTo }: Receipt): boolean {
    // No id has a space.
    const key = `${conversationId} ${userId} ${kind}`;
    if (upTo <= (this.#furthest.get(key) ?? "")) return false;
    this.#furthest.set(key, upTo);
    return true;
  }
}
