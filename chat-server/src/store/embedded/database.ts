import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";

/** Forward only: a schema change is a new entry at the end. `user_version` says how many have been applied. */
const MIGRATIONS = [
  `CREATE TABLE messages (
     conversation_id TEXT NOT NULL, message_id TEXT NOT NULL, sender_id TEXT NOT NULL, client_id TEXT NOT NULL,
     sent_at INTEGER NOT NULL, text TEXT NOT NULL,
     PRIMARY KEY (conversation_id, message_id)) WITHOUT ROWID;
   CREATE TABLE conversations (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT, created_by TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE members (
     conversation_id TEXT NOT NULL, user_id TEXT NOT NULL, delivered_up_to TEXT, read_up_to TEXT,
     PRIMARY KEY (conversation_id, user_id)) WITHOUT ROWID;
   CREATE INDEX members_by_user ON members (user_id, conversation_id);
   CREATE TABLE devices (
     user_id TEXT NOT NULL, device_id TEXT NOT NULL, push_provider TEXT, push_token TEXT,
     PRIMARY KEY (user_id, device_id)) WITHOUT ROWID;
   CREATE TABLE offline_messages (
     position INTEGER PRIMARY KEY, user_id TEXT NOT NULL, conversation_id TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL);
   CREATE INDEX offline_by_user ON offline_messages (user_id, position);
   CREATE TABLE offline_overflow (user_id TEXT PRIMARY KEY) WITHOUT ROWID;
   CREATE TABLE connected_users (user_id TEXT PRIMARY KEY) WITHOUT ROWID;`,
  `ALTER TABLE devices ADD COLUMN push_registered_at INTEGER NOT NULL DEFAULT 0;`,
  `ALTER TABLE members ADD COLUMN role TEXT;
   ALTER TABLE messages ADD COLUMN edited_at INTEGER;
   ALTER TABLE messages ADD COLUMN deleted_at INTEGER;
   ALTER TABLE messages ADD COLUMN change_id TEXT NOT NULL DEFAULT '';`,
  "CREATE TABLE last_seen (user_id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;",
  `ALTER TABLE conversations ADD COLUMN subscribe_right TEXT;
   ALTER TABLE conversations ADD COLUMN publish_right TEXT;
   ALTER TABLE messages ADD COLUMN data BLOB;`,
  "CREATE INDEX devices_by_token ON devices (push_token) WHERE push_token IS NOT NULL;",
  "ALTER TABLE members ADD COLUMN joined_at INTEGER;",
];

/**
 * Opens the embedded database in `folder`, or in memory without one. A write is on the disk when its call returns.
 * @throws CodedError `data_dir_unusable`
 */
export function openDatabase(folder: string | undefined): DatabaseSync {
  try {
    if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(folder === undefined ? ":memory:" : join(folder, "chat.sqlite"));
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
    migrate(database);
    return database;
  } catch (error) {
    throw new CodedError("data_dir_unusable", `CHAT_DATA_DIR ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  MIGRATIONS.slice(version).forEach((migration, index) => {
    database.exec(`BEGIN IMMEDIATE; ${migration}; PRAGMA user_version = ${version + index + 1}; COMMIT`);
  });
}
