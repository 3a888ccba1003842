import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue } from "../api/spec/quantity.ts";
import { childName, labels } from "./names.ts";

/** Where the Secret's file with the password is mounted; redis.conf includes it, so the password is in no ConfigMap. */
export const REDIS_AUTH_DIRECTORY = "/etc/redis-auth";
/** Key of the Redis Secret that holds the configuration lines with the password. */
export const REDIS_AUTH_KEY = "auth.conf";

/** Share of the memory limit at which Redis refuses writes: a rewrite of the append-only file needs the rest. */
const MEMORY_SHARE = 0.75;

/** redis.conf. https://redis.io/docs/latest/operate/oss_and_stack/management/config/ */
export function redisConfig(cluster: ChatCluster): string {
  const limit = cluster.spec.redis.resources.limits?.memory;
  const lines = [
    "port 6379",
    "bind * -::*",
    "dir /data",
    "daemonize no",
    `logfile ""`,
    // What was acknowledged to a client is in Cassandra; a second of the recent log and of the offline lists is what a crash may cost.
    "appendonly yes",
    "appendfsync everysec",
    `save ""`,
    // An evicted offline list would be a lost message: refuse the write instead.
    "maxmemory-policy noeviction",
    ...(limit === undefined ? [] : [`maxmemory ${Math.floor(quantityValue(String(limit)) * MEMORY_SHARE)}`]),
    "tcp-keepalive 60",
    `include ${REDIS_AUTH_DIRECTORY}/${REDIS_AUTH_KEY}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The lines that redis.conf includes from the Secret. */
export function redisAuthConfig(password: string): string {
  return `requirepass ${password}\n`;
}

export function redisConfigMap(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeConfigMap(scope, "redis-config", {
    metadata: { name: childName(cluster, "redis"), labels: labels(cluster, "redis") },
    data: { "redis.conf": redisConfig(cluster) },
  });
}
