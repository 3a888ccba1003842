import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CASSANDRA_AGENT_PORT, SNAPSHOT_STORE_PORT } from "../cassandra-agent/paths.ts";
import { type MetricsPort, metricsPorts } from "./metrics-ports.ts";
import {
  CASSANDRA_CQL_PORT,
  CASSANDRA_STORAGE_PORT,
  type Component,
  childName,
  labels,
  REDIS_PORT,
  SENTINEL_PORT,
  selectorLabels,
} from "./names.ts";

/** `NAME-redis`: the chat servers reach Redis, the operator, which replaces passwords, and, with replicas, its own servers and the sentinels. */
export function redisNetworkPolicy(scope: Construct, cluster: ChatCluster, operatorNamespace: string): void {
  const from =
    cluster.spec.redis.mode === "sentinel"
      ? redisPeers(cluster, operatorNamespace)
      : [pods(cluster, "chat"), operatorPods(operatorNamespace)];
  policy(scope, cluster, "redis", [{ from, ports: [REDIS_PORT] }, ...scraperRules(cluster, "redis")]);
}

/** `NAME-sentinel`: the same for the sentinels. */
export function sentinelNetworkPolicy(scope: Construct, cluster: ChatCluster, operatorNamespace: string): void {
  const from = redisPeers(cluster, operatorNamespace);
  policy(scope, cluster, "sentinel", [{ from, ports: [SENTINEL_PORT] }, ...scraperRules(cluster, "sentinel")]);
}

function redisPeers(cluster: ChatCluster, operatorNamespace: string): k8s.NetworkPolicyPeer[] {
  return [pods(cluster, "chat"), pods(cluster, "redis"), pods(cluster, "sentinel"), operatorPods(operatorNamespace)];
}

/** `NAME-cassandra`: clients are the chat servers and the operator, which sets up the roles; nodes reach each other, and the operator their agents, as does what keeps the snapshots. */
export function cassandraNetworkPolicy(scope: Construct, cluster: ChatCluster, operatorNamespace: string): void {
  const operator = operatorPods(operatorNamespace);
  policy(scope, cluster, "cassandra", [
    { from: [pods(cluster, "chat"), pods(cluster, "cassandra"), operator], ports: [CASSANDRA_CQL_PORT] },
    { from: [pods(cluster, "cassandra")], ports: [CASSANDRA_STORAGE_PORT] },
    {
      from: [
        pods(cluster, "cassandra"),
        operator,
        ...(cluster.spec.cassandra.snapshots ? [pods(cluster, "snapshots")] : []),
      ],
      ports: [CASSANDRA_AGENT_PORT],
    },
    ...scraperRules(cluster, "cassandra"),
  ]);
}

/** `NAME-snapshots`: the operator asks for snapshots, and the nodes' agents fetch what they restore. */
export function snapshotsNetworkPolicy(scope: Construct, cluster: ChatCluster, operatorNamespace: string): void {
  policy(scope, cluster, "snapshots", [
    { from: [operatorPods(operatorNamespace), pods(cluster, "cassandra")], ports: [SNAPSHOT_STORE_PORT] },
  ]);
}

/**
 * `NAME-chat`, `NAME-ingress`: the metrics' ports are for those whom the spec names, HAProxy (which asks the chat servers whether they are ready) and
 * the operator; every other port stays open to all.
 */
export function metricsNetworkPolicy(
  scope: Construct,
  cluster: ChatCluster,
  component: "chat" | "ingress",
  closed: readonly MetricsPort[],
  operatorNamespace: string,
): void {
  const numbers = closed.map(({ number }) => number);
  const from = [...scrapers(cluster), pods(cluster, "ingress"), operatorPods(operatorNamespace)];
  new k8s.KubeNetworkPolicy(scope, `${component}-metrics-network-policy`, {
    metadata: { name: childName(cluster, component), labels: labels(cluster, "monitoring") },
    spec: {
      podSelector: { matchLabels: selectorLabels(cluster, component) },
      policyTypes: ["Ingress"],
      ingress: [{ ports: [...allBut(numbers), { protocol: "UDP" }] }, { from, ports: tcp(numbers) }],
    },
  });
}

const LAST_PORT = 65_535;

/** The ranges of TCP ports between those that are closed. */
function allBut(closed: readonly number[]): k8s.NetworkPolicyPort[] {
  const bounds = [0, ...closed.toSorted((a, b) => a - b), LAST_PORT + 1];
  return bounds
    .slice(1)
    .map((end, index): [number, number] => [(bounds[index] ?? 0) + 1, end - 1])
    .filter(([first, last]) => first <= last)
    .map(([first, last]) => ({ port: k8s.IntOrString.fromNumber(first), endPort: last, protocol: "TCP" }));
}

/** Lets the readers of metrics in to what a sidecar has. */
function scraperRules(cluster: ChatCluster, component: "redis" | "sentinel" | "cassandra"): Rule[] {
  const ports = metricsPorts(cluster)[component].map(({ number }) => number);
  const from = scrapers(cluster);
  // A rule without a peer, or without a port, would be one for all.
  return from.length === 0 || ports.length === 0 ? [] : [{ from, ports }];
}

function scrapers(cluster: ChatCluster): k8s.NetworkPolicyPeer[] {
  return cluster.spec.monitoring.scrapers.map(({ namespace, podLabels }) => ({
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    podSelector: { matchLabels: podLabels },
  }));
}

function operatorPods(operatorNamespace: string): k8s.NetworkPolicyPeer {
  return {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": operatorNamespace } },
    // Of the labels that the chart gives its pods, those that no value changes.
    podSelector: {
      matchLabels: { "app.kubernetes.io/component": "operator", "app.kubernetes.io/part-of": "chatcluster" },
    },
  };
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
        ports: tcp(ports),
      })),
    },
  });
}

function tcp(ports: readonly number[]): k8s.NetworkPolicyPort[] {
  return ports.map((port) => ({ port: k8s.IntOrString.fromNumber(port), protocol: "TCP" }));
}

function pods(cluster: ChatCluster, component: Component): k8s.NetworkPolicyPeer {
  return { podSelector: { matchLabels: selectorLabels(cluster, component) } };
}
