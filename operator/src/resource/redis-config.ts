import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue } from "../api/spec/quantity.ts";
import { redisServers } from "../api/spec/redis.ts";
import { childName, labels } from "./names.ts";
import { HAND_OVER_SCRIPT, MEMBERS_SCRIPT, START_REDIS_SCRIPT } from "./redis-scripts.ts";

/** Where the Secret's file with the passwords is mounted; redis.conf includes it, so that they are in no ConfigMap. */
export const REDIS_AUTH_DIRECTORY = "/etc/redis-auth";
/** Key of the Redis Secret that holds the configuration lines with the passwords. */
export const REDIS_AUTH_KEY = "auth.conf";
/** The sentinels' counterpart of it. */
export const SENTINEL_AUTH_KEY = "sentinel-auth.conf";
/** Key of the Redis Secret with the password of Redis servers and sentinels among themselves. */
export const NODE_PASSWORD_KEY = "node-password";
/** Key of the Redis Secret with the password by which the operator changes passwords. */
export const OPERATOR_PASSWORD_KEY = "operator-password";

/** Share of the memory limit at which Redis refuses writes: a rewrite of the append-only file needs the rest. */
const MEMORY_SHARE = 0.75;
/** Redis servers from which on a master without any replica is taken for one that is cut off. */
const SERVERS_WITH_SPARE = 3;
/** Seconds without a word from its replicas after which such a master takes no more writes. */
const MAX_LAG_SECONDS = 10;

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
    ...(cluster.spec.redis.mode === "sentinel" ? replication(cluster) : []),
    `include ${REDIS_AUTH_DIRECTORY}/${REDIS_AUTH_KEY}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** Replicas linked to it without which a master takes no writes. */
export function minReplicasToWrite(cluster: ChatCluster): number {
  return redisServers(cluster.spec.redis) >= SERVERS_WITH_SPARE ? 1 : 0;
}

function replication(cluster: ChatCluster): string[] {
  return [
    // Without it every client is refused from outside: the default user, who is off, has no password.
    "protected-mode no",
    `min-replicas-to-write ${minReplicasToWrite(cluster)}`,
    `min-replicas-max-lag ${MAX_LAG_SECONDS}`,
    // A replica that was away for seconds goes on where it was, instead of reading everything again.
    "repl-backlog-size 16mb",
    "repl-diskless-sync-delay 1",
  ];
}

/** The files of the ConfigMap by name. */
export function redisFiles(cluster: ChatCluster): Record<string, string> {
  const config = { "redis.conf": redisConfig(cluster) };
  if (cluster.spec.redis.mode !== "sentinel") return config;
  return {
    ...config,
    "members.sh": MEMBERS_SCRIPT,
    "start.sh": START_REDIS_SCRIPT,
    "hand-over.sh": HAND_OVER_SCRIPT,
  };
}

export function redisConfigMap(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeConfigMap(scope, "redis-config", {
    metadata: { name: childName(cluster, "redis"), labels: labels(cluster, "redis") },
    data: redisFiles(cluster),
  });
}
