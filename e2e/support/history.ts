import assert from "node:assert/strict";
import type { Message } from "@chatcluster/client";

/** What one client's application saw, and what one sender was told is stored; compared by the rules of the contract. */
export class History {
  readonly messages: Message[] = [];

  record(message: Message): void {
    this.messages.push(message);
  }

  of(conversationId: string): Message[] {
    return this.messages.filter((message) => message.conversationId === conversationId);
  }

  /** @throws AssertionError that names the first message seen twice or out of the conversation's order. */
  assertOnceAndInOrder(who: string): void {
    const last = new Map<string, string>();
    for (const { id, conversationId, text } of this.messages) {
      const before = last.get(conversationId) ?? "";
      assert.ok(id > before, `${who} saw "${text}" (${id}) ${id === before ? "twice" : `after ${before}`}`);
      last.set(conversationId, id);
    }
  }

  /** @throws AssertionError that counts and names what is missing. */
  assertHasAll(acknowledged: ReadonlySet<string>, who: string): void {
    const seen = new Set(this.messages.map(({ id }) => id));
    const lost = [...acknowledged].filter((id) => !seen.has(id));
    assert.deepEqual(lost, [], `${who} misses ${lost.length} of ${acknowledged.size} acknowledged messages`);
  }

  hasAll(acknowledged: ReadonlySet<string>): boolean {
    const seen = new Set(this.messages.map(({ id }) => id));
    return [...acknowledged].every((id) => seen.has(id));
  }
}
