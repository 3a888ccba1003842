import type { DatabaseSync } from "node:sqlite";
import type { Presence } from "@chatcluster/protocol";
import { OFFLINE_NOTICE, type OfflineEntry, offlineEntry, type UserDirectory } from "./user-directory.ts";

export interface EmbeddedDirectoryOptions {
  offlineLimit: number;
  /** Publishes on a user's channel. */
  publish: (userId: string, payload: string) => void;
}

/** The directory of one process. Lists are in the database; who was connected when the process died counts as uncleanly gone. */
export class EmbeddedDirectory implements UserDirectory {
  readonly ttlMs = Number.MAX_SAFE_INTEGER;
  readonly #database: DatabaseSync;
  readonly #options: EmbeddedDirectoryOptions;
  readonly #connected = new Set<string>();
  readonly #unclean: Set<string>;

  constructor(database: DatabaseSync, options: EmbeddedDirectoryOptions) {
    this.#database = database;
    this.#options = options;
    const rows = database.prepare("SELECT user_id FROM connected_users").all() as { user_id: string }[];
    this.#unclean = new Set(rows.map((row) => row.user_id));
  }

  async start(): Promise<void> {
    return;
  }

  async close(): Promise<void> {
    return;
  }

  async register(userId: string): Promise<{ unclean: boolean }> {
    this.#connected.add(userId);
    this.#database.prepare("INSERT OR IGNORE INTO connected_users VALUES (?)").run(userId);
    const unclean = this.#unclean.delete(userId);
    if (unclean) await this.markOverflow(userId);
    return { unclean };
  }

  async unregister(userId: string): Promise<number> {
    this.#connected.delete(userId);
    this.#database.prepare("DELETE FROM connected_users WHERE user_id = ?").run(userId);
    this.#database
      .prepare("INSERT INTO last_seen VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at")
      .run(userId, Date.now());
    return 0;
  }

  async renew(): Promise<void> {
    return;
  }

  async offlineAmong(userIds: readonly string[]): Promise<string[]> {
    return userIds.filter((userId) => !this.#connected.has(userId));
  }

  async presenceOf(userIds: readonly string[]): Promise<Presence[]> {
    const select = this.#database.prepare("SELECT at FROM last_seen WHERE user_id = ?");
    return userIds.map((userId) => {
      if (this.#connected.has(userId)) return { userId, online: true };
      const row = select.get(userId) as { at: number } | undefined;
      return { userId, online: false, ...(row ? { lastSeenAt: row.at } : {}) };
    });
  }

  async push(userIds: readonly string[], entries: readonly OfflineEntry[], notify: boolean): Promise<void> {
    if (entries.length === 0) return;
    for (const userId of userIds) {
      this.#append(userId, entries);
      if (notify) this.#options.publish(userId, OFFLINE_NOTICE);
    }
  }

  async list(userId: string): Promise<{ entries: OfflineEntry[]; overflow: boolean }> {
    const rows = this.#database
      .prepare("SELECT body FROM offline_messages WHERE user_id = ? ORDER BY position")
      .all(userId) as { body: string }[];
    const overflow =
      this.#database.prepare("SELECT 1 FROM offline_overflow WHERE user_id = ?").get(userId) !== undefined;
    return { entries: rows.map((row) => offlineEntry(row.body)).filter((entry) => entry !== undefined), overflow };
  }

  async waiting(userId: string): Promise<number> {
    const row = this.#database
      .prepare("SELECT count(*) AS count FROM offline_messages WHERE user_id = ?")
      .get(userId) as { count: number };
    return row.count;
  }

  async acknowledge(userId: string, conversationId: string, upTo: string): Promise<void> {
    this.#database
      .prepare("DELETE FROM offline_messages WHERE user_id = ? AND conversation_id = ? AND message_id <= ?")
      .run(userId, conversationId, upTo);
  }

  async markOverflow(userId: string): Promise<void> {
    this.#database.prepare("INSERT OR IGNORE INTO offline_overflow VALUES (?)").run(userId);
  }

  async clearOverflow(userId: string): Promise<void> {
    this.#database.prepare("DELETE FROM offline_overflow WHERE user_id = ?").run(userId);
  }

  #append(userId: string, entries: readonly OfflineEntry[]): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const insert = this.#database.prepare(
        "INSERT INTO offline_messages (user_id, conversation_id, message_id, body) VALUES (?, ?, ?, ?)",
      );
      for (const entry of entries) insert.run(userId, entry.conversationId, entry.messageId, entry.body);
      const trimmed = this.#database
        .prepare(
          `DELETE FROM offline_messages WHERE user_id = ?1 AND position <=
             (SELECT position FROM offline_messages WHERE user_id = ?1 ORDER BY position DESC LIMIT 1 OFFSET ?2)`,
        )
        .run(userId, this.#options.offlineLimit);
      if (trimmed.changes > 0) this.#database.prepare("INSERT OR IGNORE INTO offline_overflow VALUES (?)").run(userId);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}
