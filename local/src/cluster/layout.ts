import { join } from "node:path";
import type { ClusterSettings } from "./settings.ts";

/** More nodes than three do not fit a developer's machine; every name and address below is by node number, counted from 1. */
export const MAX_NODES = 3;

/** Where each part of a cluster listens, and which address ranges it uses; all of them exist only in the cluster's own namespaces. */
export const network = {
  nodeRange: "10.99.0.0/24",
  podRange: "10.244.0.0/16",
  serviceRange: "10.96.0.0/16",
  apiService: "10.96.0.1",
  dnsService: "10.96.0.10",
  clusterDomain: "cluster.local",
  apiServerPort: 6443,
  ingressNodePort: 30080,
} as const;

export function nodeAddress(node: number): string {
  return `10.99.0.${node}`;
}

export function nodePodRange(node: number): string {
  return `10.244.${node}.0/24`;
}

/** The name of a node in Kubernetes, and of its network namespace and its cgroup. */
export function nodeName(settings: ClusterSettings, node: number): string {
  return `${settings.name}-${node}`;
}

/** The file by which nsenter enters a node's network namespace. */
export function networkNamespace(settings: ClusterSettings, node: number): string {
  return `/var/run/netns/${nodeName(settings, node)}`;
}

/** The folders and files of a cluster's state. */
export function statePaths(settings: ClusterSettings) {
  const at = (...parts: string[]) => join(settings.state, ...parts);
  return {
    lock: at("lock"),
    record: at("cluster.json"),
    kubeconfig: at("kubeconfig"),
    pki: at("pki"),
    etcd: at("etcd"),
    processes: at("processes"),
    logs: at("logs"),
    config: at("config"),
    volumes: at("volumes"),
    kubectlCache: at("kubectl-cache"),
    nodes: at("nodes"),
    node: (node: number) => at("nodes", String(node)),
  };
}
