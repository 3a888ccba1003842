import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { Redis, type RedisOptions } from "ioredis";
import { Type } from "typebox";
import { addressesOf } from "./address.ts";
import { ClusterTopology } from "./cluster/cluster-topology.ts";
import { SingleTopology } from "./single-topology.ts";
import type { RedisTopology } from "./topology.ts";

const Addresses = Type.Optional(
  Type.String({
    pattern: "^[^,\\s/@]+:[0-9]{1,5}(,[^,\\s/@]+:[0-9]{1,5})*$",
    maxLength: 4_096,
    description: "host:port,host:port",
  }),
);
const Flag = Type.Optional(Type.Boolean({ description: "true or false" }));

/** Part of the server's configuration: one Redis (`redisUrl`), one behind Sentinel, or a Cluster. */
export const redisProperties = {
  redisUrl: Type.Optional(Type.String({ pattern: "^rediss?://", description: "redis://host:6379" })),
  redisSentinels: Addresses,
  redisSentinelMaster: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: "^[A-Za-z0-9._-]+$" })),
  redisSentinelUsername: Type.Optional(Type.String()),
  redisSentinelPassword: Type.Optional(Type.String()),
  redisSentinelTls: Flag,
  redisClusterNodes: Addresses,
  redisUsername: Type.Optional(Type.String()),
  redisPassword: Type.Optional(Type.String()),
  redisTls: Flag,
};

/** The values of {@link redisProperties}. */
export interface RedisConfig {
  redisUrl?: string | undefined;
  redisSentinels?: string | undefined;
  redisSentinelMaster?: string | undefined;
  redisSentinelUsername?: string | undefined;
  redisSentinelPassword?: string | undefined;
  redisSentinelTls?: boolean | undefined;
  redisClusterNodes?: string | undefined;
  redisUsername?: string | undefined;
  redisPassword?: string | undefined;
  redisTls?: boolean | undefined;
}

const PLACES = ["redisUrl", "redisSentinels", "redisClusterNodes"] as const;
const ONLY_WITH_SENTINELS = [
  "redisSentinelMaster",
  "redisSentinelUsername",
  "redisSentinelPassword",
  "redisSentinelTls",
] as const;

/** What is wrong with the values together; `name` gives a property's variable. */
export function redisProblems(config: RedisConfig & { backend: "embedded" | "cluster" }, name: Name): string[] {
  return [
    ...placeProblems(config, name),
    ...sentinelProblems(config, name),
    ...urlProblems(config, name),
    ...credentialProblems(config, name),
    ...(["redisSentinels", "redisClusterNodes"] as const)
      .filter((property) => addressesOf(config[property]).some(({ port }) => port < 1 || port > 65_535))
      .map((property) => `${name(property)} has a port that is none`),
  ];
}

type Name = (property: keyof RedisConfig) => string;

function placeProblems(config: RedisConfig & { backend: string }, name: Name): string[] {
  const given = PLACES.filter((property) => config[property] !== undefined);
  if (given.length > 1) return [`${given.map(name).join(" and ")} exclude each other`];
  if (given.length === 1 || config.backend === "embedded") return [];
  return [`${PLACES.map(name).join(" or ")} is required when CHAT_BACKEND is cluster`];
}

function sentinelProblems(config: RedisConfig, name: Name): string[] {
  if (config.redisSentinels === undefined) {
    return ONLY_WITH_SENTINELS.filter((property) => config[property] !== undefined).map(
      (property) => `${name(property)} needs ${name("redisSentinels")}`,
    );
  }
  return config.redisSentinelMaster === undefined
    ? [`${name("redisSentinelMaster")} is required with ${name("redisSentinels")}`]
    : [];
}

/** A wrong URL must not wait for the first connection to say so. */
function urlProblems(config: RedisConfig, name: Name): string[] {
  if (config.redisUrl === undefined) return [];
  const problems = URL.canParse(config.redisUrl) ? [] : [`${name("redisUrl")} is not a URL`];
  if (config.redisTls !== undefined) problems.push(`${name("redisTls")} is said by rediss:// in ${name("redisUrl")}`);
  return problems;
}

function credentialProblems(config: RedisConfig, name: Name): string[] {
  const pairs = [
    ["redisUsername", "redisPassword"],
    ["redisSentinelUsername", "redisSentinelPassword"],
  ] as const;
  return pairs
    .filter(([username, password]) => config[username] !== undefined && config[password] === undefined)
    .map(([username, password]) => `${name(username)} needs ${name(password)}`);
}

type Options = Omit<RedisOptions, "replyMapping"> & { replyMapping?: "legacy" };

/** Milliseconds without a word from Redis, while commands wait for an answer, after which the connection and all that waits have failed. */
const ANSWER_TIMEOUT_MS = 3_000;

/** A connection that is left goes at once: what a hung master answers when it wakes up, after its successor was made, must not count. */
const DISCONNECT_TIMEOUT_MS = 100;

/** @throws Error if no place is configured */
export function createTopology(config: RedisConfig, logger: Logger): RedisTopology {
  const shared: Options = {
    lazyConnect: true,
    protocol: 2,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // What waits when the connection goes fails then: nobody would answer it on the next one.
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    connectTimeout: ANSWER_TIMEOUT_MS,
    // One timer for a connection: `commandTimeout` takes one for each command, and slows each down by more than that (docs/decisions/0088).
    socketTimeout: ANSWER_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000) * (0.5 + Math.random() / 2),
    ...(config.redisUsername === undefined ? {} : { username: config.redisUsername }),
    ...(config.redisPassword === undefined ? {} : { password: config.redisPassword }),
  };
  const tls = config.redisTls ? { tls: {} } : {};
  const { redisUrl, redisSentinels, redisClusterNodes } = config;
  if (redisUrl !== undefined) {
    return new SingleTopology({
      name: new URL(redisUrl).host,
      connection: (connectionName) => new Redis(redisUrl, { ...shared, connectionName }),
      logger,
    });
  }
  if (redisSentinels !== undefined) {
    const master = config.redisSentinelMaster ?? "";
    const options: Options = { ...shared, ...tls, ...sentinelOptions(config), name: master };
    return new SingleTopology({
      name: `master ${master}`,
      connection: (connectionName) => {
        const redis = new Redis({ ...options, connectionName });
        redis.on("sentinelError", (error: unknown) => logger.debug({ reason: messageOf(error) }, "a sentinel is away"));
        return redis;
      },
      logger,
    });
  }
  if (redisClusterNodes === undefined) throw new Error("no Redis is configured");
  return new ClusterTopology({
    seeds: addressesOf(redisClusterNodes).map(({ host, port }) => `${host}:${port}`),
    connection: (host, port, connectionName) => new Redis({ ...shared, ...tls, host, port, connectionName }),
    logger,
  });
}

function sentinelOptions(config: RedisConfig): Omit<RedisOptions, "replyMapping"> {
  return {
    sentinels: addressesOf(config.redisSentinels),
    role: "master",
    // A master that was cut off from the sentinels still takes writes: left as soon as one of them names another.
    failoverDetector: true,
    sentinelCommandTimeout: ANSWER_TIMEOUT_MS,
    sentinelRetryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
    sentinelReconnectStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
    ...(config.redisSentinelUsername === undefined ? {} : { sentinelUsername: config.redisSentinelUsername }),
    ...(config.redisSentinelPassword === undefined ? {} : { sentinelPassword: config.redisSentinelPassword }),
    ...(config.redisSentinelTls ? { sentinelTLS: {} } : {}),
    ...(config.redisTls ? { enableTLSForSentinelMode: true } : {}),
  };
}
