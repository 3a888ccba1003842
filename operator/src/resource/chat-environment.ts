import type { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import { secret, text } from "./environment.ts";
import { CASSANDRA_CQL_PORT, CHAT_ADMIN_PORT, CHAT_PORT, childName, secretNames } from "./names.ts";
import { pushVariables } from "./push-credentials.ts";
import { redisEnvironment } from "./redis-environment.ts";

/** Key of the auth Secret, the operator's own or the user's. */
export const JWT_SECRET_KEY = "jwt-secret";

/** The Secret that holds the key of users' tokens, or undefined where a key set is asked. */
export function authSecretName(cluster: ChatCluster): string | undefined {
  const { jwksUrl, secretName } = cluster.spec.auth;
  return jwksUrl === undefined ? (secretName ?? secretNames(cluster).auth) : undefined;
}

/** The chat server's environment; docs/architecture.md lists what it reads. */
export function chatEnvironment(cluster: ChatCluster, pushServices: readonly PushService[]): k8s.EnvVar[] {
  const { auth, cassandra, limits, servers } = cluster.spec;
  const secrets = secretNames(cluster);
  const authSecret = authSecretName(cluster);
  return [
    text("CHAT_BACKEND", "cluster"),
    text("CHAT_PORT", CHAT_PORT),
    text("CHAT_ADMIN_PORT", CHAT_ADMIN_PORT),
    field("CHAT_SERVER_ID", "metadata.name"),
    // Before the variable that refers to it: only earlier ones are expanded.
    field("POD_IP", "status.podIP"),
    text("CHAT_ADVERTISED_ADDRESS", `$(POD_IP):${CHAT_PORT}`),
    ...redisEnvironment(cluster),
    text("CHAT_CASSANDRA_CONTACT_POINTS", cassandraContactPoints(cluster)),
    text("CHAT_CASSANDRA_LOCAL_DC", cassandra.datacenter),
    text("CHAT_CASSANDRA_REPLICATION", `${cassandra.datacenter}:${cassandra.replicationFactor}`),
    secret("CHAT_CASSANDRA_USERNAME", cassandra.external?.secretName ?? secrets.cassandra, "username"),
    secret("CHAT_CASSANDRA_PASSWORD", cassandra.external?.secretName ?? secrets.cassandra, "password"),
    ...(authSecret === undefined ? [] : [secret("CHAT_JWT_SECRET", authSecret, JWT_SECRET_KEY)]),
    ...(auth.jwksUrl === undefined ? [] : [text("CHAT_JWKS_URL", auth.jwksUrl)]),
    ...(auth.issuer === undefined ? [] : [text("CHAT_JWT_ISSUER", auth.issuer)]),
    ...(auth.audience === undefined ? [] : [text("CHAT_JWT_AUDIENCE", auth.audience)]),
    text("CHAT_DRAIN_SECONDS", servers.drainSeconds),
    text("CHAT_MAX_CONNECTIONS", limits.maxConnections),
    secret("CHAT_ADMIN_TOKEN", secrets.admin, "token"),
    ...optional(cluster),
    ...Object.entries(pushVariables(cluster, pushServices)).map(([name, value]) => text(name, value)),
  ];
}

function cassandraContactPoints(cluster: ChatCluster): string {
  const { external } = cluster.spec.cassandra;
  const hosts = external?.contactPoints ?? [childName(cluster, "cassandra")];
  return hosts.map((host) => (host.includes(":") ? host : `${host}:${CASSANDRA_CQL_PORT}`)).join(",");
}

/** What is passed only where the spec says it: a variable more would roll the pods when the operator is upgraded. */
function optional({ spec }: ChatCluster): k8s.EnvVar[] {
  const { limits } = spec;
  const values = {
    CHAT_MAX_CONNECTIONS_PER_USER: limits.maxConnectionsPerUser,
    CHAT_CONNECTIONS_PER_SECOND: limits.connectionsPerSecond,
    CHAT_MESSAGES_PER_SECOND: limits.messagesPerSecond,
    CHAT_MAX_TEXT_LENGTH: limits.maxTextLength,
    CHAT_MAX_DATA_BYTES: limits.maxDataBytes,
    CHAT_MAX_MEMBERS: limits.maxMembers,
    CHAT_MAX_SUBSCRIPTIONS: limits.maxSubscriptions,
    CHAT_MAX_BUFFERED_BYTES: limits.maxBufferedBytes,
    CHAT_LOG_LENGTH: limits.logLength,
    CHAT_OFFLINE_LIMIT: limits.offlineLimit,
    CHAT_CASSANDRA_KEYSPACE: spec.cassandra.external?.keyspace,
    CHAT_DASHBOARD: spec.dashboard === "off" ? undefined : spec.dashboard,
  };
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [text(name, value)]));
}

function field(name: string, fieldPath: string): k8s.EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
