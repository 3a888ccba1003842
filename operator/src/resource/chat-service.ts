import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CHAT_ADMIN_PORT, CHAT_PORT, chatAdminServiceName, childName, labels, selectorLabels } from "./names.ts";

/** `NAME-chat`: its EndpointSlices are what the ingress agents watch; also the way in for those who bring a load balancer of their own. */
export function chatService(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeService(scope, "chat-service", {
    metadata: { name: childName(cluster, "chat"), labels: labels(cluster, "chat") },
    spec: {
      type: "ClusterIP",
      selector: selectorLabels(cluster, "chat"),
      ports: [{ name: "chat", port: CHAT_PORT, targetPort: k8s.IntOrString.fromString("chat"), protocol: "TCP" }],
    },
  });
}

/** `NAME-chat-admin`, headless: each server's admin port, ready or not, for scraping metrics. */
export function chatAdminService(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeService(scope, "chat-admin-service", {
    metadata: { name: chatAdminServiceName(cluster), labels: labels(cluster, "chat") },
    spec: {
      type: "ClusterIP",
      clusterIp: "None",
      publishNotReadyAddresses: true,
      selector: selectorLabels(cluster, "chat"),
      ports: [
        { name: "admin", port: CHAT_ADMIN_PORT, targetPort: k8s.IntOrString.fromString("admin"), protocol: "TCP" },
      ],
    },
  });
}
