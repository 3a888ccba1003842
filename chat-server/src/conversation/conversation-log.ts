import { CodedError } from "@chatcluster/foundation/errors";
import type { Position } from "@chatcluster/protocol";
import type { Broker, Claim, LogRead, Reserved } from "../broker/broker.ts";
import { timeOf } from "../broker/message-id.ts";
import type { MessageStore } from "../store/stores.ts";
import { digestOf } from "./message-json.ts";

/** Messages that a new log knows again, so that their retries are recognised: what may be in flight when a log is lost, and more. */
const SEEDED_MESSAGES = 500;

/** A broker's logs, which begin by themselves where there is none: the store then says where the order goes on. */
export class ConversationLog {
  readonly #broker: Broker;
  readonly #messages: MessageStore;

  constructor(broker: Broker, messages: MessageStore) {
    this.#broker = broker;
    this.#messages = messages;
  }

  async reserve(claim: Claim): Promise<Exclude<Reserved, { outcome: "cold" }>> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const reserved = await this.#broker.reserve(claim);
      if (reserved.outcome !== "cold") return reserved;
      await this.#open(claim.conversationId);
    }
    throw new CodedError("unavailable", `the log of ${claim.conversationId} is lost as soon as it begins`);
  }

  async read(conversationId: string, after: Position | undefined, limit: number): Promise<LogRead> {
    const read = await this.#broker.read(conversationId, after, limit);
    if (read) return read;
    const position = await this.#open(conversationId);
    return { recovered: after === undefined, position, events: [], pending: false };
  }

  async position(conversationId: string): Promise<Position> {
    return (await this.read(conversationId, undefined, 0)).position;
  }

  async #open(conversationId: string): Promise<Position> {
    const { messages } = await this.#messages.page({ conversationId, limit: SEEDED_MESSAGES });
    return this.#broker.open(conversationId, {
      lastSentAt: messages[0] ? timeOf(messages[0].id) : 0,
      recent: messages.map((message) => ({
        senderId: message.senderId,
        clientId: message.clientId,
        digest: digestOf(message),
        messageId: message.id,
        sentAt: message.sentAt,
      })),
    });
  }
}
