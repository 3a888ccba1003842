import { hostname } from "node:os";
import { type Environment, loadConfig, variableName } from "@chatcluster/foundation/config";
import { CodedError } from "@chatcluster/foundation/errors";
import { MAX_DATA_BYTES, MAX_MEMBERS, MAX_SUBSCRIPTIONS, MAX_TEXT_LENGTH } from "@chatcluster/protocol";
import { type Static, Type } from "typebox";
import { pushProblems, pushProperties } from "./push/push-config.ts";
import { redisProblems, redisProperties } from "./redis/redis-config.ts";

const PREFIX = "CHAT_";
const Port = (port: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: port });

/** A bound of the protocol, which a server may lower. */
const Bounded = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum, default: maximum });

const schema = Type.Object({
  host: Type.String({ default: "0.0.0.0" }),
  port: Port(8080),
  adminPort: Port(9090),
  serverId: Type.Optional(Type.String({ minLength: 1, maxLength: 253, pattern: "^[A-Za-z0-9._-]+$" })),
  advertisedAddress: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  backend: Type.Union([Type.Literal("embedded"), Type.Literal("cluster")], {
    default: "embedded",
    description: "embedded or cluster",
  }),
  dataDir: Type.String({ default: "./data" }),
  ...redisProperties,
  cassandraContactPoints: Type.Optional(
    Type.String({ pattern: "^[^,\\s]+:[0-9]+(,[^,\\s]+:[0-9]+)*$", description: "host:port,host:port" }),
  ),
  cassandraLocalDc: Type.String({ default: "dc1" }),
  cassandraKeyspace: Type.String({ default: "chat", pattern: "^[a-z][a-z0-9_]{0,47}$" }),
  cassandraUsername: Type.Optional(Type.String()),
  cassandraPassword: Type.Optional(Type.String()),
  cassandraReplication: Type.String({
    default: "dc1:1",
    pattern: "^[A-Za-z0-9_-]+:[1-9][0-9]?(,[A-Za-z0-9_-]+:[1-9][0-9]?)*$",
    description: "datacenter:factor,datacenter:factor",
  }),
  jwtSecret: Type.Optional(Type.String({ minLength: 32, description: "at least 32 bytes" })),
  jwksUrl: Type.Optional(Type.String({ pattern: "^https?://" })),
  jwtIssuer: Type.Optional(Type.String()),
  jwtAudience: Type.Optional(Type.String()),
  drainSeconds: Type.Number({ minimum: 0, maximum: 3_600, default: 30 }),
  maxConnections: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 15_000 }),
  maxConnectionsPerUser: Type.Integer({ minimum: 1, maximum: 1_000, default: 20 }),
  maxTextLength: Bounded(1, MAX_TEXT_LENGTH),
  maxDataBytes: Bounded(1, MAX_DATA_BYTES),
  maxMembers: Bounded(2, MAX_MEMBERS),
  maxSubscriptions: Bounded(1, MAX_SUBSCRIPTIONS),
  maxBufferedBytes: Type.Integer({ minimum: 65_536, default: 1_048_576 }),
  messagesPerSecond: Type.Number({ minimum: 0.1, default: 50 }),
  requestsPerSecond: Type.Optional(Type.Number({ minimum: 0.1 })),
  connectionsPerSecond: Type.Number({ minimum: 0.1, default: 2_000 }),
  logLength: Type.Integer({ minimum: 1, maximum: 100_000, default: 1_000 }),
  offlineLimit: Type.Integer({ minimum: 1, maximum: 100_000, default: 1_000 }),
  reservationTimeoutMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 5_000 }),
  registryTtlMs: Type.Integer({ minimum: 1_000, maximum: 600_000, default: 45_000 }),
  pingIntervalMs: Type.Integer({ minimum: 100, maximum: 300_000, default: 30_000 }),
  pongTimeoutMs: Type.Integer({ minimum: 100, maximum: 300_000, default: 10_000 }),
  mutePatienceMs: Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 300_000 }),
  pollGraceMs: Type.Integer({ minimum: 1_000, maximum: 600_000, default: 30_000 }),
  loginTimeoutMs: Type.Integer({ minimum: 100, maximum: 300_000, default: 10_000 }),
  ...pushProperties,
  dashboard: Type.Optional(
    Type.Union([Type.Literal("off"), Type.Literal("token"), Type.Literal("open")], {
      description: "off, token or open",
    }),
  ),
  adminToken: Type.Optional(Type.String({ minLength: 16, description: "at least 16 characters" })),
  logLevel: Type.Union(
    (["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const).map((level) => Type.Literal(level)),
    { default: "info" },
  ),
});

/** The server's whole configuration; docs/architecture.md and the README list the variables. */
export type Config = Static<typeof schema> & {
  serverId: string;
  dashboard: "off" | "token" | "open";
  requestsPerSecond: number;
};

/** Receipts, history and the like that come with a message. */
const REQUESTS_PER_MESSAGE = 4;

/**
 * Reads `CHAT_*` and checks what one variable demands of another.
 * @throws CodedError `invalid_configuration`, naming every wrong variable.
 */
export function loadChatConfig(env: Environment): Config {
  const config = loadConfig(schema, env, PREFIX);
  const problems = dependent(config);
  if (problems.length > 0) {
    throw new CodedError(
      "invalid_configuration",
      `invalid configuration:\n${problems.map((p) => `  ${p}`).join("\n")}`,
    );
  }
  return {
    ...config,
    serverId: config.serverId ?? hostname(),
    requestsPerSecond: config.requestsPerSecond ?? config.messagesPerSecond * REQUESTS_PER_MESSAGE,
    // What a cluster does is for its operators; what a laptop does is for whoever sits there.
    dashboard: config.dashboard ?? (config.backend === "embedded" ? "open" : "off"),
  };
}

function dependent(config: Static<typeof schema>): string[] {
  const name = (property: keyof Config) => variableName(PREFIX, property);
  const problems: string[] = [];
  if (config.backend === "cluster") {
    if (config.cassandraContactPoints === undefined)
      problems.push(`${name("cassandraContactPoints")} is required when CHAT_BACKEND is cluster`);
    if (config.jwtSecret === undefined && config.jwksUrl === undefined)
      problems.push(`${name("jwtSecret")} or ${name("jwksUrl")} is required when CHAT_BACKEND is cluster`);
  }
  if (config.jwtSecret !== undefined && config.jwksUrl !== undefined)
    problems.push(`${name("jwtSecret")} and ${name("jwksUrl")} exclude each other`);
  if ((config.cassandraUsername === undefined) !== (config.cassandraPassword === undefined))
    problems.push(`${name("cassandraUsername")} and ${name("cassandraPassword")} go together`);
  if (!config.cassandraReplication.split(",").some((pair) => pair.startsWith(`${config.cassandraLocalDc}:`)))
    problems.push(`${name("cassandraReplication")} has no factor for the data centre of ${name("cassandraLocalDc")}`);
  problems.push(...redisProblems(config, name), ...pushProblems(config, name));
  return problems;
}
