import { type CassandraAddress, type Redis, sharedCassandra, startRedis } from "@chatcluster/local/services";
import type { Variables } from "./test-server.ts";

/** A keyspace of its own for each caller. */
let keyspaces = 0;

/** Variables of servers on one real Redis and one real Cassandra. */
export async function clusterBackend(
  count: number,
  more: Variables = {},
): Promise<{ servers: Variables[]; redis: Redis }> {
  const redis = await startRedis();
  return { servers: await serversOn({ CHAT_REDIS_URL: redis.url }, count, more), redis };
}

/** Variables of servers on a Redis, which theirs name, and one real Cassandra. */
export async function serversOn(redis: Variables, count: number, more: Variables = {}): Promise<Variables[]> {
  return clusterVariables(redis, await sharedCassandra(), count, more);
}

/** The same on a Cassandra of the caller's. */
export function clusterVariables(
  redis: Variables,
  cassandra: CassandraAddress,
  count: number,
  more: Variables = {},
): Variables[] {
  const keyspace = `chat_${process.pid}_${keyspaces++}_${Date.now().toString(36)}`;
  return Array.from({ length: count }, (_, index) => ({
    CHAT_SERVER_ID: `server-${index}`,
    CHAT_BACKEND: "cluster",
    CHAT_CASSANDRA_CONTACT_POINTS: cassandra.contactPoint,
    CHAT_CASSANDRA_LOCAL_DC: cassandra.localDataCenter,
    CHAT_CASSANDRA_USERNAME: cassandra.username,
    CHAT_CASSANDRA_PASSWORD: cassandra.password,
    CHAT_CASSANDRA_KEYSPACE: keyspace,
    CHAT_MESSAGES_PER_SECOND: "50",
    ...redis,
    ...more,
  }));
}
