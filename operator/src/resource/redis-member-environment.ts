import type { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisNames, SENTINEL_QUORUM, sentinelNames } from "./redis-members.ts";

/** What the scripts of redis-scripts.ts read. */
export function memberEnvironment(cluster: ChatCluster): k8s.EnvVar[] {
  return [
    { name: "MEMBER", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "REDIS_MEMBERS", value: redisNames(cluster).join(" ") },
    { name: "SENTINEL_MEMBERS", value: sentinelNames(cluster).join(" ") },
    { name: "QUORUM", value: String(SENTINEL_QUORUM) },
  ];
}
