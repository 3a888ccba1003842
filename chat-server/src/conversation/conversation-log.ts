import { CodedError } from "@chatcluster/foundation/errors";
import type { Message, Position } from "@chatcluster/protocol";
import type { Broker, Claim, LogRead, Reserved } from "../broker/broker.ts";
import { justAfter } from "../broker/message-id.ts";
import type { MessageQuery, MessageStore } from "../store/stores.ts";
import { digestOf } from "./message-json.ts";

/** Messages that a new log knows again, so that their retries are recognised: what may be in flight when a log is lost, and more. */
const SEEDED_MESSAGES = 500;
const ATTEMPTS = 3;

/** A broker's logs, which begin by themselves where there is none: the store then says where the order goes on. */
export class ConversationLog {
  readonly #broker: Broker;
  readonly #messages: MessageStore;

  constructor(broker: Broker, messages: MessageStore) {
    this.#broker = broker;
    this.#messages = messages;
  }

  async reserve(claim: Claim): Promise<Exclude<Reserved, { outcome: "cold" }>> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const reserved = await this.#broker.reserve(claim);
      if (reserved.outcome !== "cold") return reserved;
      await this.#open(claim.conversationId);
    }
    throw lostAtOnce(claim.conversationId);
  }

  async read(conversationId: string, after: Position | undefined, limit: number): Promise<LogRead> {
    const read = await this.#broker.read(conversationId, after, limit);
    if (read) return read;
    const { position, last } = await this.#open(conversationId);
    return { recovered: after === undefined, position, events: [], pending: false, last };
  }

  /** A page of the history as far as the order has come: what is stored beyond that may still get something before it. */
  async history({ limit, ...query }: MessageQuery): Promise<{ messages: Message[]; more: boolean }> {
    const { last } = await this.read(query.conversationId, undefined, 0);
    if (last === undefined) return this.#messages.page({ limit, ...query });
    if (query.after !== undefined) {
      const { messages, more } = await this.#messages.page({ limit, ...query });
      const placed = messages.filter(({ id }) => id <= last);
      return { messages: placed, more: more && placed.length === messages.length };
    }
    const end = justAfter(last);
    const before = query.before === undefined || query.before > end ? end : query.before;
    return this.#messages.page({ limit, ...query, before });
  }

  async #open(conversationId: string): Promise<{ position: Position; last: string }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const run = await this.#broker.settled(conversationId);
      const { messages } = await this.#messages.page({ conversationId, limit: SEEDED_MESSAGES });
      const last = messages[0]?.id ?? "";
      const position = await this.#broker.open(conversationId, {
        run,
        lastId: last,
        recent: messages.map((message) => ({
          senderId: message.senderId,
          clientId: message.clientId,
          digest: digestOf(message),
          messageId: message.id,
          sentAt: message.sentAt,
        })),
      });
      if (position) return { position, last };
    }
    throw lostAtOnce(conversationId);
  }
}

const lostAtOnce = (conversationId: string) =>
  new CodedError("unavailable", `the log of ${conversationId} is lost as soon as it begins`);
