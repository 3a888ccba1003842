import type { Conversation, Member } from "@chatcluster/protocol";
import type { types } from "cassandra-driver";
import type { ConversationStore } from "../stores.ts";
import type { CassandraConnection } from "./connection.ts";

/** Members written at once. */
const CHUNK = 64;

export class CassandraConversationStore implements ConversationStore {
  readonly #cassandra: CassandraConnection;

  constructor(cassandra: CassandraConnection) {
    this.#cassandra = cassandra;
  }

  /** A lightweight transaction decides between two who create the same conversation; both then write the members of the one that is there. */
  async create(conversation: Conversation): Promise<Conversation> {
    const { id, kind, title, createdBy, createdAt, members } = conversation;
    await this.#cassandra.execute(
      "INSERT INTO conversations (id, kind, title, created_by, created_at, initial_members) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS",
      [id, kind, title ?? null, createdBy, createdAt, members.map((member) => member.userId)],
    );
    const row = await this.#row(id);
    if (!row) return conversation;
    const memberIds = (row.initial_members as string[] | null) ?? [];
    for (let start = 0; start < memberIds.length; start += CHUNK)
      await Promise.all(
        memberIds.slice(start, start + CHUNK).map((userId) => this.#addMember(id, userId, row.created_at as Date)),
      );
    return conversationOf(row, await this.#members(id));
  }

  async get(conversationId: string): Promise<Conversation | undefined> {
    const [row, members] = await Promise.all([this.#row(conversationId), this.#members(conversationId)]);
    return row && conversationOf(row, members);
  }

  async idsOf(userId: string, after: string | undefined, limit: number): Promise<string[]> {
    const rows = await this.#cassandra.execute(
      "SELECT conversation_id FROM conversations_by_user WHERE user_id = ? AND conversation_id > ? LIMIT ?",
      [userId, after ?? "", limit],
    );
    return rows.map((row) => String(row.conversation_id));
  }

  /** By user last: a conversation that a user sees listed has its members. */
  async #addMember(conversationId: string, userId: string, joinedAt: Date): Promise<void> {
    await this.#cassandra.execute(
      "INSERT INTO conversation_members (conversation_id, user_id, joined_at) VALUES (?, ?, ?)",
      [conversationId, userId, joinedAt],
    );
    await this.#cassandra.execute("INSERT INTO conversations_by_user (user_id, conversation_id) VALUES (?, ?)", [
      userId,
      conversationId,
    ]);
  }

  async #row(id: string): Promise<types.Row | undefined> {
    return (await this.#cassandra.execute("SELECT * FROM conversations WHERE id = ?", [id]))[0];
  }

  #members(conversationId: string): Promise<types.Row[]> {
    return this.#cassandra.execute(
      "SELECT user_id, delivered_up_to, read_up_to FROM conversation_members WHERE conversation_id = ?",
      [conversationId],
    );
  }
}

function conversationOf(row: types.Row, members: types.Row[]): Conversation {
  return {
    id: String(row.id),
    kind: row.kind === "direct" ? "direct" : "group",
    ...(row.title === null ? {} : { title: String(row.title) }),
    createdBy: String(row.created_by),
    createdAt: (row.created_at as Date).getTime(),
    members: members.map(memberOf),
  };
}

function memberOf(row: types.Row): Member {
  return {
    userId: String(row.user_id),
    ...(row.delivered_up_to === null ? {} : { deliveredUpTo: String(row.delivered_up_to) }),
    ...(row.read_up_to === null ? {} : { readUpTo: String(row.read_up_to) }),
  };
}
