import { type Static, Type } from "typebox";
import { AuthSpec } from "./auth.ts";
import { CassandraSpec } from "./cassandra.ts";
import { ImagesSpec } from "./images.ts";
import { IngressSpec } from "./ingress.ts";
import { LimitsSpec } from "./limits.ts";
import { MonitoringSpec } from "./monitoring.ts";
import { PasswordsSpec } from "./passwords.ts";
import { PushSpec } from "./push.ts";
import { RedisSpec } from "./redis.ts";
import { ServersSpec } from "./servers.ts";

/** What becomes of data when the ChatCluster is deleted. */
export const RetentionSpec = Type.Object(
  {
    volumes: Type.Union([Type.Literal("Keep"), Type.Literal("Delete")], {
      default: "Keep",
      description:
        "Whether the volumes of Redis and Cassandra, and the Secrets with Cassandra's passwords, stay (`Keep`) or go (`Delete`) with the " +
        "ChatCluster. A new one of the same name takes up what was kept.",
    }),
  },
  { default: {}, description: "What becomes of data when the ChatCluster is deleted." },
);

/** The dashboard of a chat server. */
const Dashboard = Type.Union([Type.Literal("off"), Type.Literal("token")], {
  default: "off",
  description: "The live dashboard of the chat servers at `/live`: `off`, or for whoever has a valid `token`.",
});

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
    push: PushSpec,
    monitoring: MonitoringSpec,
    passwords: PasswordsSpec,
    dashboard: Dashboard,
    networkPolicies: Type.Boolean({
      default: true,
      description:
        "Whether NetworkPolicies close Redis to all but the chat servers, the operator and, with replicas, its own servers and the sentinels; and " +
        "Cassandra to all but the chat servers, its own nodes and the operator. The " +
        "network must enforce them. Switch off where something else has to reach the stores.",
    }),
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
      {
        rule: "self.networkPolicies || self.monitoring.scrapers.size() == 0",
        message: "spec.monitoring.scrapers needs spec.networkPolicies: without them nobody is kept out",
        fieldPath: ".monitoring.scrapers",
      },
    ],
  },
);

export type ChatClusterSpec = Static<typeof ChatClusterSpec>;
