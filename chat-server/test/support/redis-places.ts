import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { startRedis, startRedisCluster, startRedisSentinel } from "@chatcluster/local/services";
import { RedisClient, type RedisListener } from "../../src/redis/client.ts";
import { createTopology, type RedisConfig } from "../../src/redis/redis-config.ts";
import type { Variables } from "./test-server.ts";

/** A Redis of one of the kinds that a server can stand on, and how it is told of it. */
export interface RedisPlace {
  readonly config: RedisConfig;
  stop(): Promise<void>;
}

/** All kinds, by name; each call starts one. */
export const REDIS_PLACES: Readonly<Record<"alone" | "Sentinel" | "Cluster", () => Promise<RedisPlace>>> = {
  async alone() {
    const redis = await startRedis({ password: "a password" });
    return { config: { redisUrl: redis.url, redisPassword: "a password" }, stop: () => redis.stop() };
  },
  async Sentinel() {
    const sentinel = await startRedisSentinel({ password: "a password", sentinelPassword: "another" });
    const { sentinels, masterName } = sentinel;
    return {
      config: {
        redisSentinels: sentinels,
        redisSentinelMaster: masterName,
        redisSentinelPassword: "another",
        redisPassword: "a password",
      },
      stop: () => sentinel.stop(),
    };
  },
  async Cluster() {
    const cluster = await startRedisCluster({ password: "a password" });
    return { config: { redisClusterNodes: cluster.nodes, redisPassword: "a password" }, stop: () => cluster.stop() };
  },
};

const quiet = createLogger("test", process.env.TEST_LOG_LEVEL ?? "silent");

export const clientOf = (config: RedisConfig): RedisClient =>
  new RedisClient({ topology: createTopology(config, quiet), logger: quiet });

/** A client that is connected. */
export async function connectedClient(
  config: RedisConfig,
  listener: RedisListener = { onMessage: () => undefined, onRenewed: () => undefined },
): Promise<RedisClient> {
  const client = clientOf(config);
  client.start(listener);
  await until(() => client.problem() === undefined, "Redis", 30_000);
  return client;
}

/** The same as variables of a server. */
export function variablesOf(config: RedisConfig): Variables {
  const name = (property: string) => `CHAT_${property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  return Object.fromEntries(Object.entries(config).map(([property, value]) => [name(property), String(value)]));
}
