import type { ChatCluster } from "../api/chat-cluster.ts";
import { type Component, selectorLabels } from "../resource/names.ts";
import { type KubernetesObject, keyOf } from "../runtime/index.ts";
import { CLUSTER_INDEX, type Informers } from "./informers.ts";

/** The parts of a pod that the operator reads. */
export interface PodObject extends KubernetesObject {
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
  };
}

export interface ContainerStatus {
  name: string;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string } };
  lastState?: { terminated?: { reason?: string; exitCode?: number } };
}

/** The pods of a component, by name. */
export function podsOf(informers: Pick<Informers, "pods">, cluster: ChatCluster, component: Component): PodObject[] {
  const wanted = Object.entries(selectorLabels(cluster, component));
  return (informers.pods.byIndex(CLUSTER_INDEX, keyOf(cluster)) as PodObject[])
    .filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** A StatefulSet's pods in the order of their numbers, which is not that of their names. */
export function podsByNumber(pods: readonly PodObject[]): PodObject[] {
  const numberOf = ({ metadata }: PodObject) => Number(metadata.name.slice(metadata.name.lastIndexOf("-") + 1));
  return [...pods].sort((a, b) => numberOf(a) - numberOf(b));
}

export function isReady(pod: PodObject): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

export function isTerminating(pod: PodObject): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Neither ended nor evicted: a pod that a Deployment still counts as one of its own. */
export function isActive(pod: PodObject): boolean {
  return pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";
}
