import type { ChatCluster } from "../api/chat-cluster.ts";
import type { DesiredCondition } from "../runtime/index.ts";

/** Annotation of a ChatCluster that makes the operator leave it alone. */
export const PAUSED_ANNOTATION = "chatcluster.dev/paused";

export function isPaused({ metadata }: ChatCluster): boolean {
  return metadata.annotations?.[PAUSED_ANNOTATION] === "true";
}

/** `Paused`: whether the annotation is there. */
export function paused(cluster: ChatCluster): DesiredCondition {
  return isPaused(cluster)
    ? { type: "Paused", status: "True", reason: "PausedByAnnotation", message: `${PAUSED_ANNOTATION} is "true"` }
    : { type: "Paused", status: "False", reason: "NotPaused", message: "the operator looks after it" };
}
