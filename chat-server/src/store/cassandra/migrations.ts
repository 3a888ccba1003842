import { createHash } from "node:crypto";
import type { Logger } from "@chatcluster/foundation/logger";
import { type Client, type QueryOptions, types } from "cassandra-driver";

/** Forward only: a schema change is a new entry at the end, and no entry ever changes. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE IF NOT EXISTS messages (
       conversation_id text, bucket int, sent_at timestamp, message_id text, sender_id text, client_id text, text text,
       PRIMARY KEY ((conversation_id, bucket), sent_at, message_id)
     ) WITH CLUSTERING ORDER BY (sent_at DESC, message_id DESC)`,
    `CREATE TABLE IF NOT EXISTS message_buckets (
       conversation_id text, bucket int, PRIMARY KEY (conversation_id, bucket)) WITH CLUSTERING ORDER BY (bucket DESC)`,
    `CREATE TABLE IF NOT EXISTS conversations (
       id text PRIMARY KEY, kind text, title text, created_by text, created_at timestamp, initial_members set<text>)`,
    `CREATE TABLE IF NOT EXISTS conversation_members (
       conversation_id text, user_id text, joined_at timestamp, delivered_up_to text, delivered_at timestamp,
       read_up_to text, read_at timestamp, PRIMARY KEY (conversation_id, user_id))`,
    `CREATE TABLE IF NOT EXISTS conversations_by_user (
       user_id text, conversation_id text, PRIMARY KEY (user_id, conversation_id))`,
    `CREATE TABLE IF NOT EXISTS devices (
       user_id text, device_id text, push_provider text, push_token text, updated_at timestamp, PRIMARY KEY (user_id, device_id))`,
  ],
  [
    "ALTER TABLE conversations ADD IF NOT EXISTS members_written boolean",
    "ALTER TABLE conversation_members ADD IF NOT EXISTS role text",
    "ALTER TABLE messages ADD IF NOT EXISTS edited_text text",
    "ALTER TABLE messages ADD IF NOT EXISTS edited_at timestamp",
    "ALTER TABLE messages ADD IF NOT EXISTS deleted_at timestamp",
  ],
  [
    "ALTER TABLE conversations ADD IF NOT EXISTS subscribe_right text",
    "ALTER TABLE conversations ADD IF NOT EXISTS publish_right text",
    "ALTER TABLE messages ADD IF NOT EXISTS data blob",
  ],
  [
    `CREATE TABLE IF NOT EXISTS push_token_owners (
       push_provider text, push_token text, user_id text, device_id text, PRIMARY KEY ((push_provider, push_token)))`,
    "CREATE TABLE IF NOT EXISTS conversation_locks (conversation_id text PRIMARY KEY, holder text)",
  ],
];

/**
 * Two servers that create the same table at the same moment through two nodes would otherwise make two of it, under ids of their own. Ids are
 * unique over all keyspaces, so the keyspace is part of it. In the form of a version 8 UUID (RFC 9562, section 5.8).
 */
function tableId(keyspace: string, table: string): string {
  const hex = createHash("sha256").update(`${keyspace}.${table}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

/** Seconds after which the lock of a server that died is free again; more than any migration takes. */
const LOCK_SECONDS = 60;
const LOCK_RETRY_MS = 250;

/**
 * Of all data centres together: at LOCAL_SERIAL each would have a lock of its own. Only who has something to apply asks for it, so that a server can
 * start while another data centre is away.
 */
const EVERYWHERE: QueryOptions = {
  prepare: true,
  consistency: types.consistencies.quorum,
  serialConsistency: types.consistencies.serial,
};

/**
 * Brings the keyspace to this version of the schema, and the client into it. Whoever comes first does the work under a lock (a lightweight
 * transaction); the others wait for it. `holder` names this server in the lock: an attempt that failed with an unknown outcome may have left it,
 * and the next one must find it as its own instead of waiting for it to expire.
 */
export async function migrate(
  client: Client,
  { keyspace, replication, holder, logger }: { keyspace: string; replication: string; holder: string; logger: Logger },
): Promise<void> {
  const run = async (query: string) => {
    const { info } = await client.execute(query, [], { prepare: false });
    // The driver has waited for it (its types don't tell). A table that some nodes don't know yet would refuse what comes next, or be made twice.
    if ((info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement === false)
      throw new Error("the nodes do not agree on the schema yet");
  };
  await run(`CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${replicationMap(replication)}`);
  await run(`USE ${keyspace}`);
  await run(
    `CREATE TABLE IF NOT EXISTS ${keyspace}.schema_lock (name text PRIMARY KEY, holder text) WITH ID = ${tableId(keyspace, "schema_lock")}`,
  );
  await run(
    `CREATE TABLE IF NOT EXISTS ${keyspace}.schema_migrations (version int PRIMARY KEY, applied_at timestamp) WITH ID = ${tableId(keyspace, "schema_migrations")}`,
  );
  if ((await missing(client, keyspace)).length === 0) return;

  await lock(client, keyspace, holder);
  try {
    for (const version of await missing(client, keyspace, EVERYWHERE)) {
      for (const statement of MIGRATIONS[version - 1] ?? []) await run(statement);
      await client.execute(
        `INSERT INTO ${keyspace}.schema_migrations (version, applied_at) VALUES (?, toTimestamp(now()))`,
        [version],
        EVERYWHERE,
      );
      logger.info({ version }, "schema migrated");
    }
  } finally {
    await client.execute(
      `DELETE FROM ${keyspace}.schema_lock WHERE name = 'migrations' IF holder = ?`,
      [holder],
      EVERYWHERE,
    );
  }
}

async function missing(client: Client, keyspace: string, options: QueryOptions = {}): Promise<number[]> {
  const { rows } = await client.execute(`SELECT version FROM ${keyspace}.schema_migrations`, [], options);
  const applied = new Set(rows.map((row) => Number(row.version)));
  return MIGRATIONS.map((_, index) => index + 1).filter((version) => !applied.has(version));
}

async function lock(client: Client, keyspace: string, holder: string): Promise<void> {
  for (;;) {
    const result = await client.execute(
      `INSERT INTO ${keyspace}.schema_lock (name, holder) VALUES ('migrations', ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`,
      [holder],
      EVERYWHERE,
    );
    // A retry of our own insert finds our own name in it.
    const row = result.first();
    if (result.wasApplied() || row?.holder === holder) return;
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
}

/** `dc1:3,dc2:2` as a CQL map; the configuration has checked its form. */
export function replicationMap(replication: string): string {
  const factors = replication.split(",").map((pair) =>
    pair
      .split(":")
      .map((part) => `'${part}'`)
      .join(": "),
  );
  return `{'class': 'NetworkTopologyStrategy', ${factors.join(", ")}}`;
}
