import type { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { ExternalRedisSpec } from "../api/spec/external-redis.ts";
import { secret, text } from "./environment.ts";
import { childName, REDIS_PORT, SENTINEL_PORT, secretNames } from "./names.ts";
import { CHAT_USER } from "./redis-access.ts";
import { SENTINEL_MASTER, sentinelNames } from "./redis-members.ts";

/** Where the chat servers find Redis, and their login. */
export function redisEnvironment(cluster: ChatCluster): k8s.EnvVar[] {
  const { mode, external } = cluster.spec.redis;
  const { redis } = secretNames(cluster);
  if (external) return externalEnvironment(external);
  const password = secret("CHAT_REDIS_PASSWORD", redis, "password");
  if (mode !== "sentinel")
    return [text("CHAT_REDIS_URL", `redis://${childName(cluster, "redis")}:${REDIS_PORT}`), password];
  return [
    text(
      "CHAT_REDIS_SENTINELS",
      sentinelNames(cluster)
        .map((name) => `${name}:${SENTINEL_PORT}`)
        .join(","),
    ),
    text("CHAT_REDIS_SENTINEL_MASTER", SENTINEL_MASTER),
    text("CHAT_REDIS_SENTINEL_USERNAME", CHAT_USER),
    secret("CHAT_REDIS_SENTINEL_PASSWORD", redis, "password"),
    text("CHAT_REDIS_USERNAME", CHAT_USER),
    password,
  ];
}

function externalEnvironment({ url, sentinels, clusterNodes, secretName, tls }: ExternalRedisSpec): k8s.EnvVar[] {
  return [
    ...(url === undefined ? [] : [text("CHAT_REDIS_URL", url)]),
    ...(clusterNodes === undefined ? [] : [text("CHAT_REDIS_CLUSTER_NODES", clusterNodes.join(","))]),
    ...(sentinels === undefined
      ? []
      : [
          text("CHAT_REDIS_SENTINELS", sentinels.addresses.join(",")),
          text("CHAT_REDIS_SENTINEL_MASTER", sentinels.master),
          ...(sentinels.tls ? [text("CHAT_REDIS_SENTINEL_TLS", "true")] : []),
          ...login("CHAT_REDIS_SENTINEL", sentinels.secretName),
        ]),
    ...(tls ? [text("CHAT_REDIS_TLS", "true")] : []),
    ...login("CHAT_REDIS", secretName),
  ];
}

function login(prefix: string, secretName: string | undefined): k8s.EnvVar[] {
  if (secretName === undefined) return [];
  return [
    secret(`${prefix}_USERNAME`, secretName, "username", true),
    secret(`${prefix}_PASSWORD`, secretName, "password"),
  ];
}
