import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName, labels, REDIS_PORT, selectorLabels } from "./names.ts";

/** `NAME-redis`. */
export function redisService(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeService(scope, "redis-service", {
    metadata: { name: childName(cluster, "redis"), labels: labels(cluster, "redis") },
    spec: {
      type: "ClusterIP",
      selector: selectorLabels(cluster, "redis"),
      ports: [{ name: "redis", port: REDIS_PORT, targetPort: k8s.IntOrString.fromString("redis"), protocol: "TCP" }],
    },
  });
}
