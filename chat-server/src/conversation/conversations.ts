import { createHash } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, CreateConversation, Message, Position } from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { Stores } from "../store/stores.ts";
import type { ConversationLog } from "./conversation-log.ts";

const CACHE_SIZE = 20_000;
const IDS_PAGE = 1_000;

export interface ListedConversation {
  conversation: Conversation;
  position: Position;
  lastMessage?: Message;
}

/** Conversations and who is in them. */
export class Conversations {
  readonly #stores: Stores;
  readonly #log: ConversationLog;
  readonly #broker: Broker;
  /** Members by conversation, oldest use first. Only what exists is kept: members never change in this version of the schema. */
  readonly #members = new Map<string, ReadonlySet<string>>();

  constructor(stores: Stores, log: ConversationLog, broker: Broker) {
    this.#stores = stores;
    this.#log = log;
    this.#broker = broker;
  }

  /**
   * The members, if the user is one.
   * @throws CodedError `conversation_not_found`, for a foreign conversation as for one that does not exist.
   */
  async membersFor(userId: string, conversationId: string): Promise<ReadonlySet<string>> {
    const members = this.#members.get(conversationId) ?? (await this.#load(conversationId));
    if (!members?.has(userId)) throw notFound(conversationId);
    return members;
  }

  /** Creates, or finds the one that exists, and tells the other members. */
  async create(
    creatorId: string,
    frame: CreateConversation,
  ): Promise<{ conversation: Conversation; position: Position }> {
    const memberIds = [...new Set([creatorId, ...frame.memberIds])];
    if (memberIds.length < 2 || (frame.kind === "direct" && memberIds.length !== 2)) {
      const wanted = frame.kind === "direct" ? "exactly one other user" : "at least one other user";
      throw new CodedError("invalid_frame", `memberIds: a ${frame.kind} conversation has ${wanted}`);
    }
    if (frame.kind === "direct" && frame.title !== undefined)
      throw new CodedError("invalid_frame", "title: a direct conversation has none");
    const conversation = await this.#stores.conversations.create({
      id: frame.kind === "direct" ? directId(memberIds) : groupId(creatorId, frame.clientId),
      kind: frame.kind,
      ...(frame.title === undefined ? {} : { title: frame.title }),
      createdBy: creatorId,
      createdAt: Date.now(),
      members: memberIds.map((userId) => ({ userId })),
    });
    const position = await this.#log.position(conversation.id);
    const event = JSON.stringify({ type: "conversation_added", conversation, position });
    await this.#broker.publishToUsers(
      conversation.members.map((member) => member.userId),
      event,
    );
    return { conversation, position };
  }

  async list(
    userId: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ items: ListedConversation[]; nextAfter?: string }> {
    const ids = await this.#stores.conversations.idsOf(userId, after, limit + 1);
    const page = ids.slice(0, limit);
    const items = (await Promise.all(page.map((id) => this.#listed(id)))).filter((item) => item !== undefined);
    const last = page.at(-1);
    return { items, ...(ids.length > limit && last !== undefined ? { nextAfter: last } : {}) };
  }

  async allIdsOf(userId: string): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const page = await this.#stores.conversations.idsOf(userId, ids.at(-1), IDS_PAGE);
      ids.push(...page);
      if (page.length < IDS_PAGE) return ids;
    }
  }

  async #listed(conversationId: string): Promise<ListedConversation | undefined> {
    const [conversation, position, newest] = await Promise.all([
      this.#stores.conversations.get(conversationId),
      this.#log.position(conversationId),
      this.#stores.messages.page({ conversationId, limit: 1 }),
    ]);
    const lastMessage = newest.messages[0];
    return conversation && { conversation, position, ...(lastMessage ? { lastMessage } : {}) };
  }

  async #load(conversationId: string): Promise<ReadonlySet<string> | undefined> {
    const conversation = await this.#stores.conversations.get(conversationId);
    if (!conversation) return undefined;
    const members = new Set(conversation.members.map((member) => member.userId));
    this.#members.set(conversationId, members);
    if (this.#members.size > CACHE_SIZE) {
      const oldest = this.#members.keys().next().value;
      if (oldest !== undefined) this.#members.delete(oldest);
    }
    return members;
  }
}

export const notFound = (conversationId: string) =>
  new CodedError("conversation_not_found", `conversation ${conversationId} does not exist, or you are no member of it`);

/** One id for a pair, whoever creates it and however often. Ids hold no spaces, so that no two pairs make one text. */
const directId = (memberIds: string[]) => `d-${digest([...memberIds].sort().join(" "))}`;
const groupId = (creatorId: string, clientId: string) => `g-${digest(`${creatorId} ${clientId}`)}`;
const digest = (text: string) => createHash("sha256").update(text).digest("base64url").slice(0, 27);
