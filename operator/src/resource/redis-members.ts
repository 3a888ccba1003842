import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisServers } from "../api/spec/redis.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { childName, labels, REDIS_PORT, SENTINEL_PORT, selectorLabels } from "./names.ts";
import { render } from "./render.ts";

/** Three, so that two agree when one is lost. */
const SENTINELS = 3;
/** Sentinels that must agree that the master is lost: a majority. */
export const SENTINEL_QUORUM = 2;
/** Under which the sentinels know the master. */
export const SENTINEL_MASTER = "chat";

/** A pod of Redis or a sentinel, by which the others know it for good: its pod's name is also its Service's. */
export type RedisMember = "redis" | "sentinel";

/** `NAME-redis-0`, …: pods and, in mode `sentinel`, the Services with the addresses that stay theirs. */
export function redisNames(cluster: ChatCluster): string[] {
  return names(cluster, "redis", redisServers(cluster.spec.redis));
}

/** `NAME-sentinel-0`, …; none but in mode `sentinel`. */
export function sentinelNames(cluster: ChatCluster): string[] {
  return names(cluster, "sentinel", cluster.spec.redis.mode === "sentinel" ? SENTINELS : 0);
}

function names(cluster: ChatCluster, member: RedisMember, count: number): string[] {
  return Array.from({ length: count }, (_, ordinal) => `${childName(cluster, member)}-${ordinal}`);
}

/** Addresses of the members' Services by name. */
export type RedisAddresses = Readonly<Record<string, string>>;

/** In mode `sentinel`, a Service for each member, whose address outlives the pods: docs/decisions/0110. */
export function redisAddressObjects(cluster: ChatCluster): KubernetesObject[] {
  if (cluster.spec.redis.mode !== "sentinel") return [];
  return render(cluster, (scope) => {
    for (const name of redisNames(cluster)) memberService(scope, cluster, name, "redis", REDIS_PORT);
    for (const name of sentinelNames(cluster)) memberService(scope, cluster, name, "sentinel", SENTINEL_PORT);
  });
}

function memberService(scope: Construct, cluster: ChatCluster, name: string, member: RedisMember, port: number): void {
  new k8s.KubeService(scope, `address-${name}`, {
    metadata: { name, labels: labels(cluster, "redis-address") },
    spec: {
      type: "ClusterIP",
      // They speak to each other before they are ready: that is how they become so.
      publishNotReadyAddresses: true,
      selector: { ...selectorLabels(cluster, member), "statefulset.kubernetes.io/pod-name": name },
      ports: [{ name: member, port, targetPort: k8s.IntOrString.fromString(member), protocol: "TCP" }],
    },
  });
}

/** The members' names in each pod's /etc/hosts: a sentinel that waited for DNS would not see that a master is lost. */
export function memberHosts(addresses: RedisAddresses): k8s.HostAlias[] {
  return Object.entries(addresses).map(([name, ip]) => ({ ip, hostnames: [name] }));
}
