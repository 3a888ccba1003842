import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { IngressObjectSpec } from "../api/spec/ingress-object.ts";
import { CHAT_PORT, childName, labels } from "./names.ts";

/** `NAME-ingress`, an Ingress: every path of the hosts leads to the chat servers. */
export function ingressObject(scope: Construct, cluster: ChatCluster, spec: IngressObjectSpec): void {
  const { className, hosts, tls, annotations } = spec;
  const backend = { service: { name: childName(cluster, "chat"), port: { number: CHAT_PORT } } };
  const http = { paths: [{ path: "/", pathType: "Prefix", backend }] };
  new k8s.KubeIngress(scope, "ingress-object", {
    metadata: { name: childName(cluster, "ingress"), labels: labels(cluster, "ingress"), annotations },
    spec: {
      ...(className !== undefined && { ingressClassName: className }),
      ...(tls && { tls: [{ ...(hosts.length > 0 && { hosts }), ...tls }] }),
      rules: hosts.length === 0 ? [{ http }] : hosts.map((host) => ({ host, http })),
    },
  });
}
