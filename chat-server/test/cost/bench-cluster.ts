import { until } from "@chatcluster/foundation/until";
import { startCassandra, startRedis } from "@chatcluster/local/services";
import { ChildServer } from "../support/child-server.ts";
import { clusterVariables } from "../support/cluster.ts";
import { readiness, type Variables } from "../support/test-server.ts";

export interface BenchCluster extends AsyncDisposable {
  readonly servers: readonly ChildServer[];
  /** For {@link cpuDuring}. */
  readonly pids: { server: number[]; redis: number[]; cassandra: number[] };
}

/** As in production, where the servers of other tests are less patient. */
const SETTINGS = { CHAT_MAX_CONNECTIONS: "20000", CHAT_RESERVATION_TIMEOUT_MS: "5000" };

/** Servers in processes of their own, on a Redis that syncs its log each second as the operator's does, and a Cassandra. */
export async function benchCluster(count: number, more: Variables = {}): Promise<BenchCluster> {
  await using cleanup = new AsyncDisposableStack();
  const redis = cleanup.use(await startRedis({ settings: ["appendfsync everysec"] }));
  const cassandra = cleanup.use(await startCassandra({ durable: false }));
  const servers: ChildServer[] = [];
  for (const variables of clusterVariables({ CHAT_REDIS_URL: redis.url }, cassandra, count, { ...SETTINGS, ...more })) {
    const server = await ChildServer.start(variables);
    cleanup.defer(() => server.kill());
    await until(async () => (await readiness(server)).status === 200, "readiness", 30_000);
    servers.push(server);
  }
  const kept = cleanup.move();
  return {
    servers,
    pids: { server: servers.map(({ pid }) => pid), redis: [redis.pid], cassandra: [cassandra.pid] },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
