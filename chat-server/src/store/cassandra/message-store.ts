import type { Message } from "@chatcluster/protocol";
import type { types } from "cassandra-driver";
import { timeOf, writeTimeOf } from "../../broker/message-id.ts";
import type { MessageChange, MessageQuery, MessageStore } from "../stores.ts";
import type { CassandraConnection, Value } from "./connection.ts";

/** Milliseconds of one partition: a day, so that even one message of 1 KiB a second stays under 100 MiB. */
const BUCKET_MS = 24 * 60 * 60 * 1_000;
/** Buckets that are known to be in the index, so that only the first message of a day costs a second write. */
const KNOWN_BUCKETS = 50_000;
const BUCKETS_AT_ONCE = 32;

const COLUMNS =
  "conversation_id, sent_at, message_id, sender_id, client_id, text, data, edited_text, edited_at, deleted_at";
const KEY = "conversation_id = ? AND bucket = ?";

const bucketOf = (messageId: string) => Math.floor(timeOf(messageId) / BUCKET_MS);

export class CassandraMessageStore implements MessageStore {
  readonly #cassandra: CassandraConnection;
  readonly #knownBuckets = new Set<string>();

  constructor(cassandra: CassandraConnection) {
    this.#cassandra = cassandra;
  }

  async insert({ id, conversationId, senderId, clientId, text, data }: Message): Promise<void> {
    const bucket = bucketOf(id);
    await this.#index(conversationId, bucket);
    const [column, content] = data === undefined ? ["text", text] : ["data", Buffer.from(data, "base64")];
    await this.#cassandra.execute(
      `INSERT INTO messages (conversation_id, bucket, sent_at, message_id, sender_id, client_id, ${column}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [conversationId, bucket, timeOf(id), id, senderId, clientId, content],
    );
  }

  async delete(conversationId: string, messageId: string): Promise<void> {
    await this.#cassandra.execute(`DELETE FROM messages WHERE ${KEY} AND sent_at = ? AND message_id = ?`, [
      conversationId,
      bucketOf(messageId),
      timeOf(messageId),
      messageId,
    ]);
  }

  async get(conversationId: string, messageId: string): Promise<Message | undefined> {
    const rows = await this.#cassandra.execute(
      `SELECT ${COLUMNS} FROM messages WHERE ${KEY} AND sent_at = ? AND message_id = ?`,
      [conversationId, bucketOf(messageId), timeOf(messageId), messageId],
    );
    return rows.map(messageOf)[0];
  }

  /** Into columns that an insert never writes, with a time that rises with the change's place: see `receiptStore` for why. */
  async edit({ conversationId, messageId, changeId, at, text }: MessageChange & { text: string }): Promise<void> {
    await this.#cassandra.execute(
      `UPDATE messages USING TIMESTAMP ? SET edited_text = ?, edited_at = ? WHERE ${KEY} AND sent_at = ? AND message_id = ?`,
      [writeTimeOf(changeId), text, at, conversationId, bucketOf(messageId), timeOf(messageId), messageId],
    );
  }

  async erase({ conversationId, messageId, at }: MessageChange): Promise<void> {
    await this.#cassandra.execute(
      `UPDATE messages SET deleted_at = ?, text = '', data = null, edited_text = null, edited_at = null
         WHERE ${KEY} AND sent_at = ? AND message_id = ?`,
      [at, conversationId, bucketOf(messageId), timeOf(messageId), messageId],
    );
  }

  async page(query: MessageQuery): Promise<{ messages: Message[]; more: boolean }> {
    const wanted = query.limit + 1;
    const messages: Message[] = [];
    const start = query.after ?? query.before;
    let edge = start === undefined ? undefined : bucketOf(start);
    let inclusive = true;
    while (messages.length < wanted) {
      const buckets = await this.#buckets(query, edge, inclusive);
      for (const bucket of buckets) {
        messages.push(...(await this.#read(query, bucket, wanted - messages.length)));
        if (messages.length >= wanted) break;
      }
      if (buckets.length < BUCKETS_AT_ONCE) break;
      edge = buckets.at(-1);
      inclusive = false;
    }
    return { messages: messages.slice(0, query.limit), more: messages.length > query.limit };
  }

  /** The index says which days have messages, so that a quiet year is not searched day by day. Written first: an entry too many is harmless. */
  async #index(conversationId: string, bucket: number): Promise<void> {
    const key = `${conversationId}/${bucket}`;
    if (this.#knownBuckets.has(key)) return;
    await this.#cassandra.execute("INSERT INTO message_buckets (conversation_id, bucket) VALUES (?, ?)", [
      conversationId,
      bucket,
    ]);
    this.#knownBuckets.add(key);
    if (this.#knownBuckets.size > KNOWN_BUCKETS)
      this.#knownBuckets.delete(this.#knownBuckets.values().next().value ?? "");
  }

  async #buckets(
    { conversationId, after }: MessageQuery,
    edge: number | undefined,
    inclusive: boolean,
  ): Promise<number[]> {
    const forward = after !== undefined;
    const comparison = `${forward ? ">" : "<"}${inclusive ? "=" : ""}`;
    const bound = edge === undefined ? "" : `AND bucket ${comparison} ?`;
    const values: Value[] = edge === undefined ? [conversationId] : [conversationId, edge];
    const rows = await this.#cassandra.execute(
      `SELECT bucket FROM message_buckets WHERE conversation_id = ? ${bound} ORDER BY bucket ${forward ? "ASC" : "DESC"} LIMIT ${BUCKETS_AT_ONCE}`,
      values,
    );
    return rows.map((row) => Number(row.bucket));
  }

  async #read({ conversationId, before, after }: MessageQuery, bucket: number, limit: number): Promise<Message[]> {
    const start = after ?? before;
    const bound = start === undefined ? "" : `AND (sent_at, message_id) ${after === undefined ? "<" : ">"} (?, ?)`;
    const order = after === undefined ? "" : "ORDER BY sent_at ASC, message_id ASC";
    const values: Value[] = [conversationId, bucket, ...(start === undefined ? [] : [timeOf(start), start]), limit];
    const rows = await this.#cassandra.execute(
      `SELECT ${COLUMNS} FROM messages WHERE ${KEY} ${bound} ${order} LIMIT ?`,
      values,
    );
    return rows.map(messageOf);
  }
}

function messageOf(row: types.Row): Message {
  const deletedAt = row.deleted_at as Date | null;
  const editedAt = row.edited_at as Date | null;
  const data = row.data as Buffer | null;
  return {
    id: String(row.message_id),
    conversationId: String(row.conversation_id),
    senderId: String(row.sender_id),
    clientId: String(row.client_id),
    sentAt: (row.sent_at as Date).getTime(),
    text: deletedAt ? "" : String(row.edited_text ?? row.text ?? ""),
    ...(data && !deletedAt ? { data: data.toString("base64") } : {}),
    ...(editedAt && !deletedAt ? { editedAt: editedAt.getTime() } : {}),
    ...(deletedAt ? { deletedAt: deletedAt.getTime() } : {}),
  };
}
