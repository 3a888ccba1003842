import { type Static, Type } from "typebox";
import { AuthSpec } from "./auth.ts";
import { CassandraSpec } from "./cassandra.ts";
import { ImagesSpec } from "./images.ts";
import { IngressSpec } from "./ingress.ts";
import { RedisSpec } from "./redis.ts";
import { ServersSpec } from "./servers.ts";

/** What becomes of data when the ChatCluster is deleted. */
export const RetentionSpec = Type.Object(
  {
    volumes: Type.Union([Type.Literal("Keep"), Type.Literal("Delete")], {
      default: "Keep",
      description: "Whether the volumes of Redis and Cassandra stay (`Keep`) or go (`Delete`) with the ChatCluster.",
    }),
  },
  { default: {}, description: "What becomes of data when the ChatCluster is deleted." },
);

/** Bounds that protect each chat server. */
export const LimitsSpec = Type.Object(
  {
    maxConnections: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 15000,
      description: "Connections at which a chat server takes no more.",
    }),
  },
  { default: {}, description: "Bounds that protect each chat server." },
);

/** What a ChatCluster is asked to be. */
export const ChatClusterSpec = Type.Object(
  {
    servers: ServersSpec,
    redis: RedisSpec,
    cassandra: CassandraSpec,
    ingress: IngressSpec,
    auth: AuthSpec,
    images: ImagesSpec,
    retention: RetentionSpec,
    limits: LimitsSpec,
  },
  {
    default: {},
    description: "What the chat backend is asked to be. Every field has a default: an empty spec is a working one.",
    "x-kubernetes-validations": [
      {
        rule: "self.servers.connectionsPerServer <= self.limits.maxConnections",
        message: "spec.servers.connectionsPerServer must not be greater than spec.limits.maxConnections",
        fieldPath: ".servers.connectionsPerServer",
      },
    ],
  },
);

export type ChatClusterSpec = Static<typeof ChatClusterSpec>;
