import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CASSANDRA_AGENT_PORT } from "../cassandra-agent/paths.ts";
import {
  CASSANDRA_CQL_PORT,
  CASSANDRA_STORAGE_PORT,
  type Component,
  childName,
  labels,
  REDIS_PORT,
  selectorLabels,
} from "./names.ts";

/** `NAME-redis`: only the chat servers reach Redis. https://kubernetes.io/docs/concepts/services-networking/network-policies/ */
export function redisNetworkPolicy(scope: Construct, cluster: ChatCluster): void {
  policy(scope, cluster, "redis", [{ from: [pods(cluster, "chat")], ports: [REDIS_PORT] }]);
}

/** `NAME-cassandra`: clients are the chat servers and the operator, which sets up the roles; nodes reach each other, and the operator their agents. */
export function cassandraNetworkPolicy(scope: Construct, cluster: ChatCluster, operatorNamespace: string): void {
  const operator = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": operatorNamespace } },
    // Of the labels that the chart gives its pods, those that no value changes.
    podSelector: {
      matchLabels: { "app.kubernetes.io/component": "operator", "app.kubernetes.io/part-of": "chatcluster" },
    },
  };
  policy(scope, cluster, "cassandra", [
    { from: [pods(cluster, "chat"), pods(cluster, "cassandra"), operator], ports: [CASSANDRA_CQL_PORT] },
    { from: [pods(cluster, "cassandra")], ports: [CASSANDRA_STORAGE_PORT] },
    { from: [pods(cluster, "cassandra"), operator], ports: [CASSANDRA_AGENT_PORT] },
  ]);
}

interface Rule {
  readonly from: k8s.NetworkPolicyPeer[];
  readonly ports: readonly number[];
}

function policy(scope: Construct, cluster: ChatCluster, component: Component, rules: readonly Rule[]): void {
  new k8s.KubeNetworkPolicy(scope, `${component}-network-policy`, {
    metadata: { name: childName(cluster, component), labels: labels(cluster, component) },
    spec: {
      podSelector: { matchLabels: selectorLabels(cluster, component) },
      policyTypes: ["Ingress"],
      ingress: rules.map(({ from, ports }) => ({
        from,
        ports: ports.map((port) => ({ port: k8s.IntOrString.fromNumber(port), protocol: "TCP" })),
      })),
    },
  });
}

function pods(cluster: ChatCluster, component: Component): k8s.NetworkPolicyPeer {
  return { podSelector: { matchLabels: selectorLabels(cluster, component) } };
}
