import { CodedError } from "@chatcluster/foundation/errors";
import type { Receipt, SendReceipt } from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { FeedHub } from "../delivery/feed-hub.ts";
import type { Stores } from "../store/stores.ts";
import type { Conversations } from "./conversations.ts";

/** Marks remembered, so that one which does not move costs nothing. */
const REMEMBERED = 50_000;

interface Progress {
  stored: string;
  /** What waits for the write that is under way. */
  next?: { receipt: Receipt; done: PromiseWithResolvers<void> };
}

export interface ReceiptServices {
  stores: Stores;
  broker: Broker;
  hub: FeedHub;
  conversations: Conversations;
}

/**
 * Cumulative receipts: stored, then published to the users whose messages they cover. While one write is under way those that come after it
 * are joined into one, so that a burst of messages costs a few writes, not one each.
 */
export class Receipts {
  readonly #services: ReceiptServices;
  readonly #progress = new Map<string, Progress>();
  readonly #writing = new Set<string>();

  constructor(services: ReceiptServices) {
    this.#services = services;
  }

  /**
   * Resolves when the receipt, or one beyond it, is stored.
   * @throws CodedError `conversation_not_found`, `invalid_frame` (no such message), `unavailable`
   */
  async advance(userId: string, { conversationId, kind, upTo }: SendReceipt): Promise<void> {
    await this.#services.conversations.membersFor(userId, conversationId);
    await this.#senderOf(conversationId, upTo);
    const receipt: Receipt = { conversationId, userId, kind, upTo, at: Date.now() };
    const key = `${conversationId}:${userId}:${kind}`;
    const progress = this.#progress.get(key) ?? { stored: "" };
    if (upTo <= progress.stored) return;
    this.#remember(key, progress);
    if (!this.#writing.has(key)) return this.#write(key, progress, receipt);
    const { next } = progress;
    if (!next) progress.next = { receipt, done: Promise.withResolvers() };
    else if (upTo > next.receipt.upTo) next.receipt = receipt;
    return progress.next?.done.promise;
  }

  async #write(key: string, progress: Progress, receipt: Receipt): Promise<void> {
    this.#writing.add(key);
    try {
      await this.#services.stores.receipts.advance(receipt);
      await this.#publish(receipt, progress.stored);
      progress.stored = receipt.upTo;
    } finally {
      this.#writing.delete(key);
      this.#writeNext(key, progress);
    }
  }

  #writeNext(key: string, progress: Progress): void {
    const { next } = progress;
    if (!next) return;
    delete progress.next;
    this.#write(key, progress, next.receipt).then(next.done.resolve, next.done.reject);
  }

  async #publish(receipt: Receipt, before: string): Promise<void> {
    const senders = new Set<string>([await this.#senderOf(receipt.conversationId, receipt.upTo)]);
    for (const [messageId, sender] of this.#services.hub.feed(receipt.conversationId)?.recent ?? [])
      if (messageId > before && messageId <= receipt.upTo) senders.add(sender);
    senders.delete(receipt.userId);
    if (senders.size === 0) return;
    await this.#services.broker.publishToUsers([...senders], JSON.stringify({ type: "receipt", receipt }));
  }

  async #senderOf(conversationId: string, messageId: string): Promise<string> {
    const recent = this.#services.hub.feed(conversationId)?.senderOf(messageId);
    if (recent !== undefined) return recent;
    const message = await this.#services.stores.messages.get(conversationId, messageId);
    if (!message) throw new CodedError("invalid_frame", `upTo: no message ${messageId} in ${conversationId}`);
    return message.senderId;
  }

  #remember(key: string, progress: Progress): void {
    this.#progress.set(key, progress);
    if (this.#progress.size <= REMEMBERED) return;
    for (const oldest of this.#progress.keys()) {
      if (this.#writing.has(oldest)) continue;
      this.#progress.delete(oldest);
      return;
    }
  }
}
