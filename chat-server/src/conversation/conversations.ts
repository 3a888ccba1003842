import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, CreateConversation, Message, Position } from "@chatcluster/protocol";
import type { Broker, LogRead } from "../broker/broker.ts";
import { firstOf, justAfter } from "../broker/message-id.ts";
import type { Stores } from "../store/stores.ts";
import { directId, groupId, liveId } from "./conversation-id.ts";
import type { ConversationLog } from "./conversation-log.ts";
import { type Members, type Membership, membersOf, notFound } from "./membership.ts";

/** See {@link LogRead}. */
type LogEnd = Pick<LogRead, "position" | "last">;

/** Without `last` nothing was before, or nothing is known of it. */
const afterOf = ({ last }: LogEnd) => (last === undefined || last === "" ? {} : { after: last });

const IDS_PAGE = 1_000;

export interface ListedConversation {
  conversation: Conversation;
  position: Position;
  lastMessage?: Message;
}

export interface ConversationsServices {
  stores: Stores;
  log: ConversationLog;
  broker: Broker;
  membership: Membership;
  /** Of one conversation. */
  maxMembers: number;
}

/** The conversations of users: created, found, listed. */
export class Conversations {
  readonly #stores: Stores;
  readonly #log: ConversationLog;
  readonly #broker: Broker;

  readonly #maxMembers: number;

  readonly membership: Membership;

  constructor({ stores, log, broker, membership, maxMembers }: ConversationsServices) {
    this.membership = membership;
    this.#stores = stores;
    this.#log = log;
    this.#broker = broker;
    this.#maxMembers = maxMembers;
  }

  /** See {@link Membership.membersFor}. */
  membersFor(userId: string, conversationId: string): Promise<Members> {
    return this.membership.membersFor(userId, conversationId);
  }

  /** Creates, or finds the one that exists, and tells the other members. */
  async create(
    creatorId: string,
    frame: CreateConversation,
  ): Promise<{ conversation: Conversation; position: Position; after?: string }> {
    const memberIds = [...new Set([creatorId, ...frame.memberIds])];
    const problem = problemOf(frame, memberIds.length);
    if (problem) throw new CodedError("invalid_frame", problem);
    checkMembers(memberIds.length, this.#maxMembers);
    const { kind, title, rights, clientId } = frame;
    const conversation = await this.#stores.conversations.create({
      id: kind === "direct" ? directId(memberIds) : (kind === "group" ? groupId : liveId)(creatorId, clientId),
      kind,
      ...(title === undefined ? {} : { title }),
      createdBy: creatorId,
      createdAt: Date.now(),
      ...(rights === undefined ? {} : { rights }),
      members: memberIds.map((userId) => ({
        userId,
        ...(kind === "direct" ? {} : { role: userId === creatorId ? ("owner" as const) : ("member" as const) }),
      })),
    });
    const end = await this.#log.read(conversation.id, undefined, 0);
    // A retry may find that its creator, or somebody else, has left since.
    if (!membersOf(conversation).has(creatorId)) throw notFound(conversation.id);
    await this.announce(
      conversation,
      end,
      conversation.members.map((member) => member.userId),
    );
    return { conversation, position: end.position, ...afterOf(end) };
  }

  /** Tells members that they are, and where the log ended before. */
  async announce(conversation: Conversation, end: LogEnd, userIds: readonly string[]): Promise<void> {
    const event = JSON.stringify({
      type: "conversation_added",
      conversation,
      position: end.position,
      ...afterOf(end),
    });
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

  /** A conversation of a member, and the id after which its messages came since it is one, if it was not from the beginning. */
  async joinedBy(
    userId: string,
    conversationId: string,
  ): Promise<{ conversation: Conversation; after?: string } | undefined> {
    const conversation = await this.#stores.conversations.get(conversationId);
    const member = conversation?.members.find((one) => one.userId === userId);
    if (!conversation || !member) return undefined;
    const { joinedAt } = member;
    return { conversation, ...(joinedAt === undefined ? {} : { after: firstOf(joinedAt) }) };
  }

  async #listed(conversationId: string): Promise<ListedConversation | undefined> {
    const [conversation, [position, lastMessage]] = await Promise.all([
      this.#stores.conversations.get(conversationId),
      this.#end(conversationId),
    ]);
    return conversation && { conversation, position, ...(lastMessage ? { lastMessage } : {}) };
  }

  /** The message is of before the position: one that is stored and has no place yet comes by the log. */
  async #end(conversationId: string): Promise<[Position, Message | undefined]> {
    const { position, last } = await this.#log.read(conversationId, undefined, 0);
    const bound = last === undefined ? {} : { before: justAfter(last) };
    const { messages } = await this.#stores.messages.page({ conversationId, limit: 1, ...bound });
    return [position, messages[0]];
  }
}

/** @throws CodedError `too_many_members` */
export function checkMembers(count: number, most: number): void {
  if (count > most) throw new CodedError("too_many_members", `a conversation has at most ${most} members`);
}

/** What is wrong with a conversation that somebody wants to create, beyond what the schema says. */
function problemOf({ kind, title, rights }: CreateConversation, members: number): string | undefined {
  if (kind === "live") {
    if (title === undefined) return "title: a live conversation has one";
    return rights === undefined ? "rights: a live conversation says who may subscribe and publish" : undefined;
  }
  if (rights !== undefined) return `rights: a ${kind} conversation has none`;
  if (kind === "group") return members < 2 ? "memberIds: a group conversation has at least one other user" : undefined;
  if (members !== 2) return "memberIds: a direct conversation has exactly one other user";
  return title === undefined ? undefined : "title: a direct conversation has none";
}
