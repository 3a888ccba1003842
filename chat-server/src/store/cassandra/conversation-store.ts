import { randomUUID } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, Rights, Role } from "@chatcluster/protocol";
import type { types } from "cassandra-driver";
import { conversationOf, memberOf } from "../member-row.ts";
import type { ConversationStore } from "../stores.ts";
import type { CassandraConnection } from "./connection.ts";

/** Members written at once. */
const CHUNK = 64;
const LOCK_SECONDS = 60;
/** Milliseconds after which who waits for the lock gives up, and the client asks again. */
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 50;

export class CassandraConversationStore implements ConversationStore {
  readonly #cassandra: CassandraConnection;

  constructor(cassandra: CassandraConnection) {
    this.#cassandra = cassandra;
  }

  /** A lightweight transaction decides between two who create the same conversation; both then write the members of the one that is there. */
  async create(conversation: Conversation): Promise<Conversation> {
    const { id, kind, title, createdBy, createdAt, rights, members } = conversation;
    await this.#cassandra.execute(
      "INSERT INTO conversations (id, kind, title, created_by, created_at, initial_members, subscribe_right, publish_right) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS",
      [
        id,
        kind,
        title ?? null,
        createdBy,
        createdAt,
        members.map((member) => member.userId),
        rights?.subscribe ?? null,
        rights?.publish ?? null,
      ],
    );
    const row = await this.#row(id);
    if (!row) return conversation;
    // Once written they are not written again: who has left since would be back.
    if (row.members_written !== true) {
      const initial = (row.initial_members as string[] | null) ?? [];
      await this.#inChunks(initial, (userId) => this.#addMember(id, userId, { joinedAt: row.created_at as Date }));
      await this.#cassandra.execute("UPDATE conversations SET members_written = true WHERE id = ?", [id]);
    }
    return withMembers(row, await this.#members(id));
  }

  async get(conversationId: string): Promise<Conversation | undefined> {
    const [row, members] = await Promise.all([this.#row(conversationId), this.#members(conversationId)]);
    return row && withMembers(row, members);
  }

  async idsOf(userId: string, after: string | undefined, limit: number): Promise<string[]> {
    const rows = await this.#cassandra.execute(
      "SELECT conversation_id FROM conversations_by_user WHERE user_id = ? AND conversation_id > ? LIMIT ?",
      [userId, after ?? "", limit],
    );
    return rows.map((row) => String(row.conversation_id));
  }

  async addMembers(
    conversationId: string,
    members: readonly { userId: string; role: Role }[],
    joinedAt: number,
  ): Promise<void> {
    const at = new Date(joinedAt);
    await this.#inChunks(members, ({ userId, role }) =>
      this.#addMember(conversationId, userId, { joinedAt: at, role }),
    );
  }

  /** Of who has left meanwhile a row without the time of joining stays: no member. */
  async setRole(conversationId: string, userId: string, role: Role): Promise<void> {
    await this.#cassandra.execute(
      "UPDATE conversation_members SET role = ? WHERE conversation_id = ? AND user_id = ?",
      [role, conversationId, userId],
    );
  }

  async joinedAt(conversationId: string, userId: string): Promise<number | undefined> {
    const [row, [member]] = await Promise.all([
      this.#row(conversationId),
      this.#cassandra.execute("SELECT joined_at FROM conversation_members WHERE conversation_id = ? AND user_id = ?", [
        conversationId,
        userId,
      ]),
    ]);
    const at = (member?.joined_at as Date | null | undefined)?.getTime();
    return at === (row?.created_at as Date | undefined)?.getTime() ? undefined : at;
  }

  async removeMember(conversationId: string, userId: string): Promise<void> {
    await this.#cassandra.execute("DELETE FROM conversations_by_user WHERE user_id = ? AND conversation_id = ?", [
      userId,
      conversationId,
    ]);
    await this.#cassandra.execute("DELETE FROM conversation_members WHERE conversation_id = ? AND user_id = ?", [
      conversationId,
      userId,
    ]);
  }

  async rename(conversationId: string, title: string): Promise<void> {
    await this.#cassandra.execute("UPDATE conversations SET title = ? WHERE id = ?", [title, conversationId]);
  }

  async setRights(conversationId: string, { subscribe, publish }: Rights): Promise<void> {
    await this.#cassandra.execute("UPDATE conversations SET subscribe_right = ?, publish_right = ? WHERE id = ?", [
      subscribe,
      publish,
      conversationId,
    ]);
  }

  /** A lock in a lightweight transaction. Who dies with it leaves it for {@link LOCK_SECONDS}; nothing that it is for takes that long. */
  async exclusively<Value>(conversationId: string, work: () => Promise<Value>): Promise<Value> {
    const holder = randomUUID();
    const deadline = Date.now() + LOCK_PATIENCE_MS;
    while (!(await this.#lock(conversationId, holder))) {
      if (Date.now() > deadline)
        throw new CodedError("unavailable", `others change the members of ${conversationId} at this moment`);
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS * (0.5 + Math.random())));
    }
    try {
      return await work();
    } finally {
      await this.#cassandra.execute("DELETE FROM conversation_locks WHERE conversation_id = ? IF holder = ?", [
        conversationId,
        holder,
      ]);
    }
  }

  async #lock(conversationId: string, holder: string): Promise<boolean> {
    const [row] = await this.#cassandra.execute(
      `INSERT INTO conversation_locks (conversation_id, holder) VALUES (?, ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`,
      [conversationId, holder],
    );
    // A retry of our own insert finds our own name in it.
    return row?.["[applied]"] === true || row?.holder === holder;
  }

  /** By user last: a conversation that a user sees listed has its members. */
  async #addMember(
    conversationId: string,
    userId: string,
    { joinedAt, role }: { joinedAt: Date; role?: Role },
  ): Promise<void> {
    await this.#cassandra.execute(
      role === undefined
        ? "INSERT INTO conversation_members (conversation_id, user_id, joined_at) VALUES (?, ?, ?)"
        : "INSERT INTO conversation_members (conversation_id, user_id, joined_at, role) VALUES (?, ?, ?, ?)",
      [conversationId, userId, joinedAt, ...(role === undefined ? [] : [role])],
    );
    await this.#cassandra.execute("INSERT INTO conversations_by_user (user_id, conversation_id) VALUES (?, ?)", [
      userId,
      conversationId,
    ]);
  }

  async #inChunks<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    for (let start = 0; start < items.length; start += CHUNK)
      await Promise.all(items.slice(start, start + CHUNK).map(work));
  }

  async #row(id: string): Promise<types.Row | undefined> {
    return (await this.#cassandra.execute("SELECT * FROM conversations WHERE id = ?", [id]))[0];
  }

  #members(conversationId: string): Promise<types.Row[]> {
    return this.#cassandra.execute(
      "SELECT user_id, role, joined_at, delivered_up_to, read_up_to FROM conversation_members WHERE conversation_id = ?",
      [conversationId],
    );
  }
}

function withMembers(row: types.Row, members: types.Row[]): Conversation {
  // A receipt that was under way when its member left leaves a row without the time of joining.
  const joined = members.filter((member) => member.joined_at !== null);
  const createdAt = (row.created_at as Date).getTime();
  return conversationOf(
    row,
    createdAt,
    joined.map((member) => memberOf(row, member)),
  );
}
