import type { ChatCluster } from "../api/chat-cluster.ts";

/** The parts of a ChatCluster, as the label `app.kubernetes.io/component` has them. */
export type Component =
  | "chat"
  | "redis"
  | "redis-address"
  | "sentinel"
  | "cassandra"
  | "snapshots"
  | "ingress"
  | "monitoring";

export const CHAT_PORT = 8080;
export const CHAT_ADMIN_PORT = 9090;
export const REDIS_PORT = 6379;
export const SENTINEL_PORT = 26379;
export const CASSANDRA_CQL_PORT = 9042;
export const CASSANDRA_STORAGE_PORT = 7000;

/** What every object of the operator carries. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "chatcluster-operator" } as const;

/** `sample-chat`: the name of a component's workload, Service and ConfigMap. */
export function childName(cluster: ChatCluster, component: Component): string {
  return `${cluster.metadata.name}-${component}`;
}

/** The headless Service through which single chat servers are found. */
export function chatAdminServiceName(cluster: ChatCluster): string {
  return `${cluster.metadata.name}-chat-admin`;
}

/** The Secrets that the operator makes, each once. */
export function secretNames(cluster: ChatCluster) {
  const { name } = cluster.metadata;
  return {
    auth: `${name}-auth`,
    redis: `${name}-redis`,
    cassandra: `${name}-cassandra`,
    cassandraAdmin: `${name}-cassandra-admin`,
    cassandraAgent: `${name}-cassandra-agent`,
    admin: `${name}-admin`,
    authority: `${name}-ca`,
    tls: `${name}-tls`,
  } as const;
}

/** The Secret with HAProxy's certificate: the user's, or the operator's own. */
export function tlsSecretName(cluster: ChatCluster): string {
  return cluster.spec.ingress.tls?.secretName ?? secretNames(cluster).tls;
}

/** Labels that select a component's pods. A Deployment's selector cannot be changed: these must never change. */
export function selectorLabels(cluster: ChatCluster, component: Component): Record<string, string> {
  return {
    "app.kubernetes.io/name": "chatcluster",
    "app.kubernetes.io/instance": cluster.metadata.name,
    "app.kubernetes.io/component": component,
  };
}

/** Labels of a component's objects. */
export function labels(cluster: ChatCluster, component: Component): Record<string, string> {
  return { ...selectorLabels(cluster, component), ...MANAGED_BY };
}

/** Labels as the text of a selector: `a=b,c=d`. */
export function selectorText(selector: Readonly<Record<string, string>>): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
