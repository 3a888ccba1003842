import type { PodObject } from "../controller/pods.ts";
import type { KubernetesObject } from "../runtime/index.ts";
import type { WorkloadState } from "./observation.ts";
import { podProblem } from "./pod-problem.ts";

interface Workload extends KubernetesObject {
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
    conditions?: { type: string; status: string; reason?: string }[];
  };
}

/** What somebody else runs: nothing of it is missing here. */
export const EXTERNAL: WorkloadState = {
  exists: true,
  desired: 0,
  ready: 0,
  current: 0,
  updated: 0,
  observed: true,
  stalled: false,
  podProblem: undefined,
};

/** Reads a Deployment or a StatefulSet, and its pods. `wanted` is the number that the spec asks for while there is none yet. */
export function workloadState(
  workload: KubernetesObject | undefined,
  pods: readonly PodObject[],
  wanted: number,
): WorkloadState {
  const { metadata, spec, status } = (workload ?? {}) as Partial<Workload>;
  return {
    exists: workload !== undefined,
    desired: spec?.replicas ?? wanted,
    ready: status?.readyReplicas ?? 0,
    current: status?.replicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    observed: (status?.observedGeneration ?? -1) >= (metadata?.generation ?? 0),
    stalled:
      status?.conditions?.some(
        ({ type, status: holds, reason }) =>
          type === "Progressing" && holds === "False" && reason === "ProgressDeadlineExceeded",
      ) ?? false,
    podProblem: podProblem(pods),
  };
}

/** Whether it is just what it should be: every pod there, new and ready, or nothing where nothing is wanted. */
export function isSettled({ exists, observed, desired, current, ready, updated }: WorkloadState): boolean {
  if (!exists) return desired === 0;
  return observed && current === desired && ready === desired && updated === desired;
}
