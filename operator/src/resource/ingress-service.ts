import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { HAPROXY_HTTP_PORT } from "../ingress/ports.ts";
import { childName, labels, selectorLabels } from "./names.ts";

/** What browsers try without being told. */
const HTTPS_PORT = 443;

/** `NAME-ingress`: the clients' way in. */
export function ingressService(scope: Construct, cluster: ChatCluster): void {
  const { service, tls } = cluster.spec.ingress;
  new k8s.KubeService(scope, "ingress-service", {
    metadata: { name: childName(cluster, "ingress"), labels: labels(cluster, "ingress") },
    spec: {
      type: service.type,
      selector: selectorLabels(cluster, "ingress"),
      ports: [
        {
          ...(tls
            ? { name: "https", port: HTTPS_PORT, targetPort: k8s.IntOrString.fromString("https") }
            : { name: "http", port: HAPROXY_HTTP_PORT, targetPort: k8s.IntOrString.fromString("http") }),
          protocol: "TCP",
          ...(service.nodePort === undefined ? {} : { nodePort: service.nodePort }),
        },
      ],
    },
  });
}
