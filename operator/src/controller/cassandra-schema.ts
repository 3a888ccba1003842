import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Client } from "cassandra-driver";
import { CHAT_KEYSPACE } from "../cassandra-agent/paths.ts";
import { type CassandraTarget, connect, type Login, literal, quoted } from "./cassandra-session.ts";

export interface SchemaRequest extends CassandraTarget {
  /** The chat servers' role: who makes a keyspace has every right on it. */
  readonly chat: Login;
}

/** The chat servers' keyspace, where it is made from a snapshot. */
export interface CassandraSchema {
  /** Whether the keyspace is there. @throws CodedError `cassandra_unreachable`, `cassandra_login_refused` */
  exists(request: SchemaRequest): Promise<boolean>;
  /**
   * Makes the keyspace and its tables; what is there already stays.
   * @param tables what Cassandra wrote of each table when the snapshot was taken
   * @throws as `exists`, and CodedError `cassandra_schema_refused`
   */
  create(request: SchemaRequest, copies: number, tables: readonly string[]): Promise<void>;
}

/** What a table's schema consists of; it is run with the chat servers' rights, and nothing else is. */
const STATEMENT = /^(CREATE (TABLE|TYPE|INDEX|CUSTOM INDEX)|ALTER TABLE) /;

/** Speaks CQL to the nodes. */
export const cqlCassandraSchema: CassandraSchema = {
  exists: (request) =>
    withSession(request, async (session) => {
      const query = `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ${literal(CHAT_KEYSPACE)}`;
      return (await session.execute(query)).rows.length > 0;
    }),
  create: (request, copies, tables) =>
    withSession(request, async (session) => {
      const strategy = `{'class': 'NetworkTopologyStrategy', ${literal(request.datacenter)}: ${copies}}`;
      await run(session, `CREATE KEYSPACE IF NOT EXISTS ${quoted(CHAT_KEYSPACE)} WITH replication = ${strategy}`);
      for (const statement of tables.flatMap(statementsOf)) await run(session, statement);
    }),
};

/** The statements of a `schema.cql`, which ends each with a semicolon at the end of a line. @throws CodedError `cassandra_schema_refused` */
export function statementsOf(schema: string): string[] {
  const statements = schema
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
  const foreign = statements.find((statement) => !STATEMENT.test(statement));
  if (foreign === undefined) return statements.map(repeatable);
  throw new CodedError("cassandra_schema_refused", `no statement of a table's schema: ${foreign.slice(0, 100)}`);
}

/** Columns that the table once had are made and dropped again, which may have been done already. */
function repeatable(statement: string): string {
  return statement
    .replace(/^(ALTER TABLE \S+) DROP (?!IF EXISTS )/, "$1 DROP IF EXISTS ")
    .replace(/^(ALTER TABLE \S+) ADD (?!IF NOT EXISTS )/, "$1 ADD IF NOT EXISTS ");
}

async function run(session: Client, statement: string): Promise<void> {
  const { info } = await session.execute(statement);
  // The driver has waited for it (its types don't tell).
  if ((info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement === false)
    throw new CodedError("cassandra_schema_refused", "the nodes do not agree on the schema yet");
}

async function withSession<Result>(
  request: SchemaRequest,
  work: (session: Client) => Promise<Result>,
): Promise<Result> {
  const session = await connect(request, request.chat);
  if (!session) throw new CodedError("cassandra_login_refused", `Cassandra refused role ${request.chat.username}`);
  try {
    return await work(session);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError("cassandra_schema_refused", `Cassandra's schema cannot be seen to: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    await session.shutdown();
  }
}
