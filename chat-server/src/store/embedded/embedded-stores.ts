import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Conversation, Message, Receipt } from "@chatcluster/protocol";
import { conversationOf, marksOf, memberOf } from "../member-row.ts";
import type { Device, MessageQuery, StoredDevice, Stores } from "../stores.ts";

type Value = string | number | Uint8Array | null;
type Row = Record<string, Value>;

/** The stores of the embedded default, in one SQLite database. */
export function embeddedStores(database: DatabaseSync): Stores {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const run = (sql: string, ...values: Value[]) => prepare(sql).run(...values);
  const all = (sql: string, ...values: Value[]) => prepare(sql).all(...values) as Row[];

  return {
    async start() {
      return;
    },
    async close() {
      database.close();
    },
    problem: () => undefined,
    messages: messageStore(run, all),
    conversations: conversationStore(database, run, all),
    receipts: {
      async advance(receipt: Receipt) {
        const column = receipt.kind === "delivered" ? "delivered_up_to" : "read_up_to";
        run(
          `UPDATE members SET ${column} = ?1 WHERE conversation_id = ?2 AND user_id = ?3 AND (${column} IS NULL OR ${column} < ?1)`,
          receipt.upTo,
          receipt.conversationId,
          receipt.userId,
        );
      },
      async of(conversationId, userId) {
        const [row] = all("SELECT * FROM members WHERE conversation_id = ? AND user_id = ?", conversationId, userId);
        return row ? marksOf(row) : {};
      },
    },
    devices: {
      async save({ userId, deviceId, push }: Device) {
        if (push)
          run(
            `UPDATE devices SET push_provider = NULL, push_token = NULL
               WHERE push_token = ? AND push_provider = ? AND (user_id, device_id) <> (?, ?)`,
            push.token,
            push.provider,
            userId,
            deviceId,
          );
        run(
          `INSERT INTO devices VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
             push_registered_at = iif(excluded.push_token IS NULL, push_registered_at, excluded.push_registered_at),
             push_provider = coalesce(excluded.push_provider, push_provider), push_token = coalesce(excluded.push_token, push_token)`,
          userId,
          deviceId,
          push?.provider ?? null,
          push?.token ?? null,
          Date.now(),
        );
      },
      async ofUser(userId) {
        return all("SELECT * FROM devices WHERE user_id = ? ORDER BY device_id", userId).map(deviceOf);
      },
      async removePushToken(userId, deviceId, registeredUpTo) {
        run(
          `UPDATE devices SET push_provider = NULL, push_token = NULL
             WHERE user_id = ? AND device_id = ? AND push_registered_at <= ?`,
          userId,
          deviceId,
          registeredUpTo,
        );
      },
    },
  };
}

type Run = (sql: string, ...values: Value[]) => unknown;
type All = (sql: string, ...values: Value[]) => Row[];

function messageStore(run: Run, all: All): Stores["messages"] {
  return {
    async insert(m) {
      run(
        `INSERT OR IGNORE INTO messages (conversation_id, message_id, sender_id, client_id, sent_at, text, data)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        m.conversationId,
        m.id,
        m.senderId,
        m.clientId,
        m.sentAt,
        m.text,
        m.data === undefined ? null : Buffer.from(m.data, "base64"),
      );
    },
    async delete(conversationId, messageId) {
      run("DELETE FROM messages WHERE conversation_id = ? AND message_id = ?", conversationId, messageId);
    },
    async get(conversationId, messageId) {
      return all("SELECT * FROM messages WHERE conversation_id = ? AND message_id = ?", conversationId, messageId).map(
        messageOf,
      )[0];
    },
    async edit({ conversationId, messageId, changeId, at, text }) {
      run(
        `UPDATE messages SET text = ?1, edited_at = ?2, change_id = ?3
           WHERE conversation_id = ?4 AND message_id = ?5 AND change_id < ?3 AND deleted_at IS NULL`,
        text,
        at,
        changeId,
        conversationId,
        messageId,
      );
    },
    async erase({ conversationId, messageId, at }) {
      run(
        "UPDATE messages SET text = '', data = NULL, edited_at = NULL, deleted_at = coalesce(deleted_at, ?) WHERE conversation_id = ? AND message_id = ?",
        at,
        conversationId,
        messageId,
      );
    },
    async page({ conversationId, before, after, limit }: MessageQuery) {
      const bound = after === undefined ? "message_id < ?" : "message_id > ?";
      const order = after === undefined ? "DESC" : "ASC";
      const sql = `SELECT * FROM messages WHERE conversation_id = ? AND ${bound} ORDER BY message_id ${order} LIMIT ?`;
      const rows = all(sql, conversationId, after ?? before ?? "~", limit + 1);
      return { messages: rows.slice(0, limit).map(messageOf), more: rows.length > limit };
    },
  };
}

function conversationStore(database: DatabaseSync, run: Run, all: All): Stores["conversations"] {
  const get = (id: string): Conversation | undefined => {
    const row = all("SELECT * FROM conversations WHERE id = ?", id)[0];
    if (!row) return undefined;
    const members = all("SELECT * FROM members WHERE conversation_id = ? ORDER BY user_id", id);
    return conversationOf(
      row,
      Number(row.created_at),
      members.map((member) => memberOf(row, member)),
    );
  };
  /** The end of the last one's work, by conversation. */
  const busy = new Map<string, Promise<unknown>>();
  return {
    async exclusively(conversationId, work) {
      const mine = (busy.get(conversationId) ?? Promise.resolve()).then(work, work);
      busy.set(conversationId, mine);
      try {
        return await mine;
      } finally {
        if (busy.get(conversationId) === mine) busy.delete(conversationId);
      }
    },
    async create(conversation) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const { id, kind, title, createdBy, createdAt, rights } = conversation;
        const existing = all("SELECT 1 FROM conversations WHERE id = ?", id).length > 0;
        if (!existing) {
          run(
            `INSERT INTO conversations (id, kind, title, created_by, created_at, subscribe_right, publish_right)
               VALUES (?, ?, ?, ?, ?, ?, ?)`,
            id,
            kind,
            title ?? null,
            createdBy,
            createdAt,
            rights?.subscribe ?? null,
            rights?.publish ?? null,
          );
          for (const { userId, role } of conversation.members)
            run("INSERT INTO members (conversation_id, user_id, role) VALUES (?, ?, ?)", id, userId, role ?? null);
        }
        database.exec("COMMIT");
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
      return get(conversation.id) ?? conversation;
    },
    async get(conversationId) {
      return get(conversationId);
    },
    async addMembers(conversationId, members, joinedAt) {
      for (const { userId, role } of members)
        run(
          `INSERT INTO members (conversation_id, user_id, role, joined_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET role = excluded.role, joined_at = excluded.joined_at`,
          conversationId,
          userId,
          role,
          joinedAt,
        );
    },
    async setRole(conversationId, userId, role) {
      run("UPDATE members SET role = ? WHERE conversation_id = ? AND user_id = ?", role, conversationId, userId);
    },
    async joinedAt(conversationId, userId) {
      const [row] = all(
        "SELECT joined_at FROM members WHERE conversation_id = ? AND user_id = ?",
        conversationId,
        userId,
      );
      return typeof row?.joined_at === "number" ? row.joined_at : undefined;
    },
    async removeMember(conversationId, userId) {
      run("DELETE FROM members WHERE conversation_id = ? AND user_id = ?", conversationId, userId);
    },
    async rename(conversationId, title) {
      run("UPDATE conversations SET title = ? WHERE id = ?", title, conversationId);
    },
    async setRights(conversationId, { subscribe, publish }) {
      run(
        "UPDATE conversations SET subscribe_right = ?, publish_right = ? WHERE id = ?",
        subscribe,
        publish,
        conversationId,
      );
    },
    async idsOf(userId, after, limit) {
      const sql =
        "SELECT conversation_id FROM members WHERE user_id = ? AND conversation_id > ? ORDER BY conversation_id LIMIT ?";
      return all(sql, userId, after ?? "", limit).map((row) => String(row.conversation_id));
    },
  };
}

function messageOf(row: Row): Message {
  return {
    id: String(row.message_id),
    conversationId: String(row.conversation_id),
    senderId: String(row.sender_id),
    clientId: String(row.client_id),
    sentAt: Number(row.sent_at),
    text: String(row.text),
    ...(row.data === null ? {} : { data: Buffer.from(row.data as Uint8Array).toString("base64") }),
    ...(row.edited_at === null ? {} : { editedAt: Number(row.edited_at) }),
    ...(row.deleted_at === null ? {} : { deletedAt: Number(row.deleted_at) }),
  };
}

function deviceOf(row: Row): StoredDevice {
  const device = { userId: String(row.user_id), deviceId: String(row.device_id) };
  if (row.push_provider === null || row.push_token === null) return device;
  return {
    ...device,
    push: {
      provider: row.push_provider as "apns" | "fcm" | "webpush",
      token: String(row.push_token),
      registeredAt: Number(row.push_registered_at),
    },
  };
}
