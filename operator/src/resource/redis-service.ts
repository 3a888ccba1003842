import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName, labels, REDIS_PORT, SENTINEL_PORT, selectorLabels } from "./names.ts";
import type { RedisMember } from "./redis-members.ts";

/** `NAME-redis`. With replicas it is headless: who is the master is the sentinels' to say, so no address of its own may lead to any of them. */
export function redisService(scope: Construct, cluster: ChatCluster): void {
  service(scope, cluster, "redis", REDIS_PORT, cluster.spec.redis.mode === "sentinel");
}

/** `NAME-sentinel`, headless. */
export function sentinelService(scope: Construct, cluster: ChatCluster): void {
  service(scope, cluster, "sentinel", SENTINEL_PORT, true);
}

function service(scope: Construct, cluster: ChatCluster, member: RedisMember, port: number, headless: boolean): void {
  new k8s.KubeService(scope, `${member}-service`, {
    metadata: { name: childName(cluster, member), labels: labels(cluster, member) },
    spec: {
      type: "ClusterIP",
      ...(headless && { clusterIp: "None" }),
      selector: selectorLabels(cluster, member),
      ports: [{ name: member, port, targetPort: k8s.IntOrString.fromString(member), protocol: "TCP" }],
    },
  });
}
