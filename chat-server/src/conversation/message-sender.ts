import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Message, Publish, Send } from "@chatcluster/protocol";
import type { Broker, Claim, Reserved } from "../broker/broker.ts";
import type { Stores } from "../store/stores.ts";
import { isLive } from "./conversation-id.ts";
import type { ConversationLog } from "./conversation-log.ts";
import type { Conversations } from "./conversations.ts";
import type { Members } from "./membership.ts";
import { digestOf, messageJson } from "./message-json.ts";
import type { OfflineDelivery } from "./offline-delivery.ts";
import type { ReservationRecovery } from "./reservation-recovery.ts";

export interface SenderServices {
  broker: Broker;
  stores: Stores;
  log: ConversationLog;
  conversations: Conversations;
  offline: OfflineDelivery;
  recovery: ReservationRecovery;
  logger: Logger;
  /** Somebody writes to the live conversation: see `FeedHub.keep`. */
  onLive: (conversationId: string) => void;
}

/** A message that has its place and is not stored yet. */
export interface PlacedMessage {
  claim: Claim;
  content: Content;
  members: Members;
  place: Place;
}

type Place = Exclude<Reserved, { outcome: "cold" | "conflict" }> & {
  /** On the clock of `performance.now()`. */
  reservedAt: number;
};

/** A text, or data in base 64. */
type Content = Pick<Message, "text" | "data">;

const ATTEMPTS = 3;
/**
 * Milliseconds within which what was reserved has to be on its way to the store. Whoever stood still for longer (a stopped process, a machine that
 * slept) asks for its place again: others may have given it up, or have read the store for a new log, and would find the message there afterwards.
 */
export const STORE_WITHIN_MS = 1_000;

/** The way of a message: place, store, commit, offline lists. What a session sends keeps its order by being placed one after the other. */
export class MessageSender {
  readonly #services: SenderServices;

  constructor(services: SenderServices) {
    this.#services = services;
  }

  /**
   * @throws CodedError `conversation_not_found`, `forbidden`, `invalid_frame` (the `clientId` stands for another message; data for a
   * conversation that takes none), `unavailable`
   */
  async place(senderId: string, frame: Send | Publish): Promise<PlacedMessage> {
    const { conversationId, clientId } = frame;
    const { members } = await this.#services.conversations.membership.authorize(senderId, conversationId, "publish");
    if (isLive(conversationId)) this.#services.onLive(conversationId);
    const content = contentOf(frame);
    const claim = { conversationId, senderId, clientId, digest: digestOf(content) };
    return { claim, content, members, place: await this.#reserve(claim) };
  }

  /** Resolves when the message is stored, in the log, and on the lists of those who are offline: it may be acknowledged. */
  async finish({ claim, content, members, place }: PlacedMessage): Promise<Message> {
    const { broker, stores, offline, recovery } = this.#services;
    let current = place;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { conversationId, senderId, clientId } = claim;
      if (current.outcome === "reserved" && performance.now() - current.reservedAt > STORE_WITHIN_MS)
        current = await this.#replace(claim, current.messageId);
      const message = { id: current.messageId, conversationId, senderId, clientId, sentAt: current.sentAt, ...content };
      const body = messageJson(message);
      let outcome: "published" | "held" | "abandoned" = "published";
      if (current.outcome === "reserved") {
        await stores.messages.insert(message);
        outcome = await broker.commit(claim, message.id, body);
      }
      if (outcome !== "abandoned") {
        if (outcome === "held") recovery.watch(conversationId);
        await this.#removeReplaced(claim, current);
        if (!isLive(conversationId)) await offline.deliver(senderId, members, body);
        return message;
      }
      current = await this.#replace(claim, message.id);
    }
    throw new CodedError(
      "unavailable",
      `message ${claim.clientId} was given up ${ATTEMPTS} times: the server is too slow`,
    );
  }

  async #reserve(claim: Claim): Promise<Place> {
    // Before asking: a process that is stopped while the answer comes does not notice it.
    const reservedAt = performance.now();
    const reserved = await this.#services.log.reserve(claim);
    if (reserved.outcome === "conflict")
      throw new CodedError("invalid_frame", `clientId: ${claim.clientId} stands for another message`);
    return { ...reserved, reservedAt };
  }

  /** Somebody gave the reservation up, or Redis lost it: the stored row has no place in the order and goes, once there is another. */
  async #replace(claim: Claim, lostId: string): Promise<Place> {
    const place = await this.#reserve(claim);
    if (place.messageId === lostId) return place;
    if (place.outcome === "reserved") return { ...place, replaces: lostId };
    await this.#services.stores.messages.delete(claim.conversationId, lostId);
    return place;
  }

  async #removeReplaced({ conversationId }: Claim, place: Place): Promise<void> {
    if (place.outcome !== "reserved" || place.replaces === undefined) return;
    await this.#services.stores.messages.delete(conversationId, place.replaces);
  }
}

function contentOf(frame: Send | Publish): Content {
  if (frame.type === "send") return { text: frame.text };
  if (!isLive(frame.conversationId)) throw new CodedError("invalid_frame", "data: only live conversations take it");
  // Written anew: the last digits of what came may differ though the bytes are the same (RFC 4648, section 3.5).
  return { text: "", data: Buffer.from(frame.data, "base64").toString("base64") };
}
