import type { ChatCluster } from "../api/chat-cluster.ts";
import { isNotFound, type KubernetesObject, Pod } from "../runtime/index.ts";
import { podProblem } from "../status/pod-problem.ts";
import type { ConcernContext } from "./dependencies.ts";
import { isReady, isTerminating, type PodObject } from "./pods.ts";

/** Label by which the StatefulSet controller tells of which template a pod is. */
const REVISION_LABEL = "controller-revision-hash";

/**
 * Deletes pods of an ordered StatefulSet that an older template keeps from running. The StatefulSet controller waits for them to get ready, which they never do,
 * and so would not take up the template that mends them. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
export async function replaceBrokenPods(
  context: ConcernContext,
  cluster: ChatCluster,
  statefulSet: KubernetesObject | undefined,
  pods: readonly PodObject[],
): Promise<void> {
  const { updateRevision, observedGeneration } = (statefulSet?.status ?? {}) as {
    updateRevision?: string;
    observedGeneration?: number;
  };
  // Until the controller has seen the newest template, it cannot be told which pods are of it.
  if (!updateRevision || observedGeneration !== statefulSet?.metadata.generation) return;
  for (const pod of pods) {
    const problem = podProblem([pod]);
    if (!problem || problem.reason === "Unschedulable" || isReady(pod) || isTerminating(pod)) continue;
    const { name, uid, namespace = "", labels } = pod.metadata;
    if (labels?.[REVISION_LABEL] === undefined || labels[REVISION_LABEL] === updateRevision) continue;
    await context.client
      .delete(Pod, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    const note = `Deleted pod ${name}, which an older template keeps from running: ${problem.reason}`;
    context.logger.info({ event: "BrokenPodReplaced" }, note);
    context.events.record(cluster, { type: "Normal", reason: "BrokenPodReplaced", action: "ReplacePod", note });
  }
}
