import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";

/** `metav1.Condition`. https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  /** The generation of the spec that the condition was computed from. */
  observedGeneration?: number;
  /** RFC 3339 with seconds; changes only when `status` does. */
  lastTransitionTime: string;
  /** One word in CamelCase, for programs. */
  reason: string;
  /** A sentence for people; may be empty. */
  message: string;
}

/** A condition as it is computed, without the time. */
export type DesiredCondition = Omit<Condition, "lastTransitionTime" | "observedGeneration">;

/**
 * The conditions with these set: others stay, the order stays, and a condition that says the same keeps its time, so that an unchanged
 * state gives an equal list and needs no write.
 */
export function mergeConditions(
  current: readonly Condition[] | undefined,
  desired: readonly DesiredCondition[],
  observedGeneration: number | undefined,
  clock: Pick<Clock, "now"> = systemClock,
): Condition[] {
  const merged = new Map((current ?? []).map((condition) => [condition.type, condition]));
  for (const condition of desired) {
    const before = merged.get(condition.type);
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : timestamp(clock.now());
    const generation = observedGeneration === undefined ? {} : { observedGeneration };
    merged.set(condition.type, { ...condition, ...generation, lastTransitionTime });
  }
  return [...merged.values()];
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** `metav1.Time`: RFC 3339 in UTC with whole seconds. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `metav1.MicroTime`: RFC 3339 in UTC with microseconds. */
export function microTimestamp(date: Date): string {
  return `${date.toISOString().slice(0, 23)}000Z`;
}
