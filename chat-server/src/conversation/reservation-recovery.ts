import type { Logger } from "@chatcluster/foundation/logger";
import type { Broker } from "../broker/broker.ts";
import type { Stores } from "../store/stores.ts";
import { isLive } from "./conversation-id.ts";
import type { Conversations } from "./conversations.ts";
import { digestOf, messageJson } from "./message-json.ts";
import type { OfflineDelivery } from "./offline-delivery.ts";

export interface RecoveryServices {
  broker: Broker;
  stores: Stores;
  conversations: Conversations;
  offline: OfflineDelivery;
  logger: Logger;
}

/**
 * Settles reservations whose holder died between reserving and committing, so that messages which wait for them are published. Whoever sees
 * such a conversation calls {@link watch}: a commit that was held, a notice of one, a log that was read with something pending.
 */
export class ReservationRecovery {
  readonly #services: RecoveryServices;
  readonly #timeoutMs: number;
  /** Conversation → when to look. */
  readonly #due = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #running = false;

  constructor(services: RecoveryServices, timeoutMs: number) {
    this.#services = services;
    this.#timeoutMs = timeoutMs;
    this.#timer = setInterval(() => void this.#tick(), Math.min(1_000, timeoutMs / 2));
    this.#timer.unref();
  }

  /** Looks at the conversation once its pending reservations may count as given up. */
  watch(conversationId: string): void {
    // A jitter, since every server with a member looks: the first one settles it for all.
    if (!this.#due.has(conversationId))
      this.#due.set(conversationId, Date.now() + this.#timeoutMs * (1 + Math.random() / 4));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#due.clear();
  }

  async #tick(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const now = Date.now();
    for (const [conversationId, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(conversationId);
      try {
        if (await this.#settle(conversationId)) this.watch(conversationId);
      } catch (error) {
        this.#services.logger.warn({ err: error, conversationId }, "reservations not settled; will try again");
        this.watch(conversationId);
      }
    }
    this.#running = false;
  }

  /** Tells whether something is still pending. */
  async #settle(conversationId: string): Promise<boolean> {
    const { broker, logger } = this.#services;
    const { messageIds, pending } = await broker.stale(conversationId, this.#timeoutMs);
    for (const messageId of messageIds) {
      const stored = await this.#finish(conversationId, messageId);
      logger.info({ conversationId, messageId, stored }, "settled a reservation whose holder is gone");
    }
    return messageIds.length > 0 ? (await broker.stale(conversationId, this.#timeoutMs)).pending : pending;
  }

  async #finish(conversationId: string, messageId: string): Promise<boolean> {
    const { broker, stores, conversations, offline } = this.#services;
    const message = await stores.messages.get(conversationId, messageId);
    if (!message) {
      await broker.abandon(conversationId, messageId);
      return false;
    }
    const { senderId, clientId } = message;
    const body = messageJson(message);
    const outcome = await broker.commit(
      { conversationId, senderId, clientId, digest: digestOf(message) },
      messageId,
      body,
    );
    // Not for the sender's eyes: it may have left since.
    if (outcome === "abandoned" || isLive(conversationId)) return true;
    const access = await conversations.membership.of(conversationId);
    if (access) await offline.deliver(senderId, access.members, body);
    return true;
  }
}
