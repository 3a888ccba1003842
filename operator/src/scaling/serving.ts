/** Pods of the Deployment's that are not being deleted. */
export interface ServerCounts {
  /** The Deployment's `spec.replicas`. */
  readonly replicas: number;
  readonly present: number;
  /** Those of `present` that drain. */
  readonly draining: number;
}

/** Pods that the ReplicaSet will still take away, or that a rollout has beyond the number. */
export function surplusOf({ replicas, present }: ServerCounts): number {
  return Math.max(0, present - replicas);
}

/**
 * Draining servers that `replicas` still counts. Once the number has been lowered, a drained pod stays visible until the ReplicaSet
 * acts: to count it as one of the replicas then would look like a server too few and bring it back.
 */
export function countedDraining(counts: ServerCounts): number {
  return Math.max(0, counts.draining - surplusOf(counts));
}

/** Servers that serve, or will once they have started. */
export function servingOf(counts: ServerCounts): number {
  return Math.max(0, counts.replicas - countedDraining(counts));
}
