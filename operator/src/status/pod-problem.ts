import type { ContainerStatus, PodObject } from "../controller/pods.ts";

/** What keeps a pod from running. */
export interface PodProblem {
  readonly reason: string;
  readonly message: string;
}

/** Reasons of a waiting container that do not go away by waiting a little. */
const LASTING_REASONS = new Set([
  "CrashLoopBackOff",
  "CreateContainerConfigError",
  "CreateContainerError",
  "ErrImageNeverPull",
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "RunContainerError",
]);

/** The first thing that keeps one of the pods from running, in the words of Kubernetes. */
export function podProblem(pods: readonly PodObject[]): PodProblem | undefined {
  for (const pod of pods) {
    const problem = unschedulable(pod) ?? containerProblem(pod);
    if (problem) return problem;
  }
  return undefined;
}

function unschedulable({ metadata, status }: PodObject): PodProblem | undefined {
  const condition = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False" || condition.reason !== "Unschedulable") return undefined;
  return { reason: "Unschedulable", message: `pod ${metadata.name}: ${condition.message ?? "no node fits"}` };
}

function containerProblem({ metadata, status }: PodObject): PodProblem | undefined {
  for (const container of status?.containerStatuses ?? []) {
    const reason = container.state?.waiting?.reason;
    if (reason !== undefined && LASTING_REASONS.has(reason))
      return { reason, message: `pod ${metadata.name}, container ${container.name}: ${detail(container, reason)}` };
  }
  return undefined;
}

/** The count of restarts and back-off times are left out: they would change the condition at every look. */
function detail({ state, lastState }: ContainerStatus, reason: string): string {
  const { terminated } = lastState ?? {};
  if (reason === "CrashLoopBackOff" && terminated)
    return `ended with ${terminated.reason ?? "an error"} (exit code ${terminated.exitCode ?? "unknown"})`;
  return state?.waiting?.message ?? reason;
}
