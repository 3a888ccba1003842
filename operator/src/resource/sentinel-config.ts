import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName, labels, SENTINEL_PORT } from "./names.ts";
import { SENTINEL_MASTER } from "./redis-members.ts";
import { MEMBERS_SCRIPT, START_SENTINEL_SCRIPT } from "./redis-scripts.ts";

/**
 * Milliseconds of silence after which a sentinel takes a Redis server for lost: more than the 5 s in which the chat servers leave a master that hangs
 * (docs/decisions/0076), so that none of them writes to it when its successor is made.
 */
const DOWN_AFTER_MS = 6_000;
/** Milliseconds after which a failover that does not come on is given up; another begins after twice that time at the earliest. */
const FAILOVER_TIMEOUT_MS = 15_000;

/** The part of sentinel.conf that is the same in all sentinels and holds no password. */
export function sentinelConfig(): string {
  const lines = [
    `port ${SENTINEL_PORT}`,
    "bind * -::*",
    // Who is let in is up to the users and their passwords.
    "protected-mode no",
    "dir /data",
    "daemonize no",
    `logfile ""`,
    `sentinel down-after-milliseconds ${SENTINEL_MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${SENTINEL_MASTER} ${FAILOVER_TIMEOUT_MS}`,
    `sentinel parallel-syncs ${SENTINEL_MASTER} 1`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The files of the ConfigMap by name. */
export function sentinelFiles(): Record<string, string> {
  return { "sentinel.conf": sentinelConfig(), "members.sh": MEMBERS_SCRIPT, "start.sh": START_SENTINEL_SCRIPT };
}

export function sentinelConfigMap(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeConfigMap(scope, "sentinel-config", {
    metadata: { name: childName(cluster, "sentinel"), labels: labels(cluster, "sentinel") },
    data: sentinelFiles(),
  });
}
