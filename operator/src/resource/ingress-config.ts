import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { renderHaproxyConfig } from "../ingress/haproxy-config.ts";
import { HAPROXY_CERTIFICATE } from "../ingress/ports.ts";
import { childName, labels } from "./names.ts";

/** Connections at once through one HAProxy; its open-file limit may be lower, and then wins. */
const MAX_CONNECTIONS = 100_000;

/** haproxy.cfg. It names no server: the agent adds those, so a scaling changes nothing here. */
export function haproxyConfig(cluster: ChatCluster): string {
  const { ingress, servers } = cluster.spec;
  return renderHaproxyConfig({
    hashOn: ingress.hashOn,
    balanceFactor: ingress.loadFactor,
    drainSeconds: Math.max(1, servers.drainSeconds),
    maxConnections: MAX_CONNECTIONS,
    connectionRatePerAddress: ingress.connectionRatePerAddress,
    accessLog: ingress.accessLog,
    proxyProtocol: ingress.proxyProtocol,
    ...(ingress.tls && { tls: { certificate: HAPROXY_CERTIFICATE, hstsSeconds: ingress.tls.hstsSeconds } }),
  });
}

export function ingressConfigMap(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeConfigMap(scope, "ingress-config", {
    metadata: { name: childName(cluster, "ingress"), labels: labels(cluster, "ingress") },
    data: { "haproxy.cfg": haproxyConfig(cluster) },
  });
}
