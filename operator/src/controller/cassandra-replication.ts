import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Client } from "cassandra-driver";
import { CHAT_KEYSPACE } from "../cassandra-agent/paths.ts";
import { type CassandraTarget, connect, type Login, literal, quoted } from "./cassandra-session.ts";

/** Keyspaces without whose rows nobody can log in or chat. */
export const DATA_KEYSPACES = ["system_auth", CHAT_KEYSPACE] as const;
/** Histories of repairs and traces: kept as often, but their rows are not worth a repair. A node cannot leave while they want more nodes than stay. */
const RECORD_KEYSPACES = ["system_distributed", "system_traces"] as const;

export interface ReplicationRequest extends CassandraTarget {
  /** The operator's superuser. */
  readonly admin: Login;
}

/** How many copies Cassandra keeps of every row. */
export interface CassandraReplication {
  /** Copies of the keyspaces with data, those that exist. @throws CodedError `cassandra_unreachable`, `cassandra_login_refused` */
  read(request: ReplicationRequest): Promise<ReadonlyMap<string, number>>;
  /** Changes them all. The rows that there are follow with a repair only. @throws as `read` */
  change(request: ReplicationRequest, copies: number): Promise<void>;
}

/** Speaks CQL to the nodes. */
export const cqlCassandraReplication: CassandraReplication = {
  read: (request) =>
    withSession(request, async (session) => {
      const found = await copiesByKeyspace(session, request.datacenter);
      return new Map([...found].filter(([keyspace]) => (DATA_KEYSPACES as readonly string[]).includes(keyspace)));
    }),
  change: (request, copies) => withSession(request, (session) => replicate(session, request.datacenter, copies)),
};

/** Sets the copies of every keyspace that the operator answers for. What is so already is left alone. */
export async function replicate(session: Client, datacenter: string, copies: number): Promise<void> {
  const found = await copiesByKeyspace(session, datacenter);
  for (const keyspace of [...DATA_KEYSPACES, ...RECORD_KEYSPACES]) {
    const current = found.get(keyspace);
    if (current === undefined || current === copies) continue;
    const strategy = `{'class': 'NetworkTopologyStrategy', ${literal(datacenter)}: ${copies}}`;
    await session.execute(`ALTER KEYSPACE ${quoted(keyspace)} WITH replication = ${strategy}`);
  }
}

/** Whether the roles are placed by data centre, which the operator does once, at the beginning. */
export async function isReplicated(session: Client, datacenter: string): Promise<boolean> {
  return (await copiesByKeyspace(session, datacenter)).get("system_auth") !== 0;
}

/** 0 for a keyspace that is not placed by data centre yet. */
async function copiesByKeyspace(session: Client, datacenter: string): Promise<Map<string, number>> {
  const { rows } = await session.execute("SELECT keyspace_name, replication FROM system_schema.keyspaces");
  return new Map(
    rows.map((row) => {
      const replication = (row.get("replication") ?? {}) as Record<string, string>;
      return [String(row.get("keyspace_name")), Number(replication[datacenter] ?? 0)];
    }),
  );
}

async function withSession<Result>(
  request: ReplicationRequest,
  work: (session: Client) => Promise<Result>,
): Promise<Result> {
  const session = await connect(request, request.admin);
  if (!session) throw new CodedError("cassandra_login_refused", `Cassandra refused role ${request.admin.username}`);
  try {
    return await work(session);
  } catch (cause) {
    throw new CodedError("cassandra_unreachable", `Cassandra's replication cannot be seen to: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    await session.shutdown();
  }
}
