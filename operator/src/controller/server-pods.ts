import type { KubernetesObject } from "../runtime/index.ts";
import { DRAIN_STARTED_ANNOTATION, type ServerPod, type ServerReading } from "../scaling/index.ts";
import { isReady, isTerminating, type PodObject } from "./pods.ts";
import type { ServerStatus } from "./server-status-client.ts";

/** A chat pod as the drain sees it. */
export function serverPod(pod: KubernetesObject, status: ServerStatus | undefined): ServerPod {
  const drainStartedAt = drainStart(pod);
  return {
    name: pod.metadata.name,
    running: (pod as PodObject).status?.phase === "Running",
    ready: isReady(pod as PodObject),
    terminating: isTerminating(pod as PodObject),
    createdAt: Date.parse(pod.metadata.creationTimestamp ?? "") || 0,
    ...(drainStartedAt === undefined ? {} : { drainStartedAt }),
    ...(status === undefined ? {} : { status }),
  };
}

/** A chat pod as the decision sees it. */
export function serverReading(pod: PodObject, status: ServerStatus | undefined): ServerReading {
  return {
    name: pod.metadata.name,
    connections: status?.connections,
    ready: isReady(pod),
    draining: drainStart(pod) !== undefined || status?.draining === true,
    terminating: isTerminating(pod),
  };
}

/** An annotation that somebody broke counts as a drain that began long ago: it ends, and is not begun anew for ever. */
function drainStart(pod: KubernetesObject): number | undefined {
  const text = pod.metadata.annotations?.[DRAIN_STARTED_ANNOTATION];
  if (text === undefined) return undefined;
  return Date.parse(text) || 0;
}
