import { createHash } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, CreateConversation, Message, Position } from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { Stores } from "../store/stores.ts";
import type { ConversationLog } from "./conversation-log.ts";
import { type Members, type Membership, membersOf, notFound } from "./membership.ts";

const IDS_PAGE = 1_000;

export interface ListedConversation {
  conversation: Conversation;
  position: Position;
  lastMessage?: Message;
}

/** The conversations of users: created, found, listed. */
export class Conversations {
  readonly #stores: Stores;
  readonly #log: ConversationLog;
  readonly #broker: Broker;

  readonly membership: Membership;

  constructor(stores: Stores, log: ConversationLog, broker: Broker, membership: Membership) {
    this.membership = membership;
    this.#stores = stores;
    this.#log = log;
    this.#broker = broker;
  }

  /** See {@link Membership.membersFor}. */
  membersFor(userId: string, conversationId: string): Promise<Members> {
    return this.membership.membersFor(userId, conversationId);
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
      members: memberIds.map((userId) => ({
        userId,
        ...(frame.kind === "group" ? { role: userId === creatorId ? ("owner" as const) : ("member" as const) } : {}),
      })),
    });
    const position = await this.#log.position(conversation.id);
    // A retry may find that its creator, or somebody else, has left since.
    if (!membersOf(conversation).has(creatorId)) throw notFound(conversation.id);
    await this.announce(
      conversation,
      position,
      conversation.members.map((member) => member.userId),
    );
    return { conversation, position };
  }

  /** Tells members that they are. */
  async announce(conversation: Conversation, position: Position, userIds: readonly string[]): Promise<void> {
    const event = JSON.stringify({ type: "conversation_added", conversation, position });
    await this.#broker.publishToUsers(userIds, event);
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
}

/** One id for a pair, whoever creates it and however often. Ids hold no spaces, so that no two pairs make one text. */
const directId = (memberIds: string[]) => `d-${digest([...memberIds].sort().join(" "))}`;
const groupId = (creatorId: string, clientId: string) => `g-${digest(`${creatorId} ${clientId}`)}`;
const digest = (text: string) => createHash("sha256").update(text).digest("base64url").slice(0, 27);
