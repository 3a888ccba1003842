import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "@chatcluster/foundation/errors";
import { ErrorCode } from "@chatcluster/protocol";
import type { OfflineEntry } from "../directory/user-directory.ts";
import { OutboundFrame } from "./outbound-frame.ts";
import type { Session } from "./session.ts";

/** Milliseconds until the next try, when the list could not be read. */
const RETRY_MS = 1_000;

/**
 * Sends a user's offline list to one session, in order, each message once. The list itself keeps them until the client has acknowledged:
 * a connection that dies in between leaves them where they are.
 */
export class OfflineFlush {
  readonly #session: Session;
  /** Conversation → ids sent from the list and not acknowledged. */
  readonly #outstanding = new Map<string, Set<string>>();
  #overflowTold = false;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Sends what the list has and this session has not been sent. Never rejects: it tries until the list can be read. */
  flush(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#once();
      } catch (error) {
        const { services, userId } = this.#session;
        services.logger.warn({ err: error, userId }, "offline list not read; trying again");
        // Closing instead would send every client of this server away at once when Redis restarts.
        await delay(RETRY_MS, undefined, { ref: false });
        this.#again = this.#session.state !== "closed";
      }
    } while (this.#again);
  }

  async #once(): Promise<void> {
    const { entries, overflow } = await this.#session.services.directory.list(this.#session.userId);
    if (overflow && !this.#overflowTold) {
      this.#overflowTold = true;
      this.#session.send({ type: "offline_overflow" });
    }
    await this.#send(entries);
  }

  async #send(entries: OfflineEntry[]): Promise<void> {
    // The list is in the order of arrival, which for two servers at once need not be the order of the conversation.
    const sorted = [...entries].sort((a, b) => (a.messageId < b.messageId ? -1 : Number(a.messageId > b.messageId)));
    const ended = await this.#ended(sorted);
    for (const { conversationId, messageId, body } of sorted) {
      if (ended.has(conversationId)) continue;
      const outstanding = this.#outstanding.get(conversationId) ?? new Set();
      if (outstanding.has(messageId)) continue;
      this.#outstanding.set(conversationId, outstanding.add(messageId));
      this.#session.services.onDelivered();
      this.#session.sendEncoded(new OutboundFrame(`{"type":"message","message":${body}}`));
      // After each, for a list of long messages is more than may wait for a connection.
      await this.#session.connection.drained();
    }
  }

  /** Conversations that the user is no member of any more: what the list has of them goes. */
  async #ended(sorted: readonly OfflineEntry[]): Promise<Set<string>> {
    const { following, services, userId } = this.#session;
    const ended = new Set<string>();
    const last = new Map(sorted.map(({ conversationId, messageId }) => [conversationId, messageId]));
    for (const [conversationId, messageId] of last) {
      if (following.has(conversationId)) continue;
      try {
        await services.conversations.membersFor(userId, conversationId);
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== ErrorCode.ConversationNotFound) throw error;
        ended.add(conversationId);
        await services.directory.acknowledge(userId, conversationId, messageId);
      }
    }
    return ended;
  }

  /** The client has everything up to a message. Costs nothing unless something of the list is under way. */
  async acknowledge(conversationId: string, upTo: string): Promise<void> {
    const outstanding = this.#outstanding.get(conversationId);
    if (!outstanding) return;
    let covered = false;
    for (const messageId of outstanding) covered ||= messageId <= upTo;
    if (!covered) return;
    await this.#session.services.directory.acknowledge(this.#session.userId, conversationId, upTo);
    for (const messageId of outstanding) if (messageId <= upTo) outstanding.delete(messageId);
    if (outstanding.size === 0) this.#outstanding.delete(conversationId);
  }

  /** The client has begun to read its conversations anew, as an overflow asks of it. */
  async resumedFromHistory(): Promise<void> {
    if (!this.#overflowTold) return;
    this.#overflowTold = false;
    await this.#session.services.directory.clearOverflow(this.#session.userId);
  }
}
