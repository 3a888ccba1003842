import { countedDraining, servingOf, surplusOf } from "./serving.ts";
import { chooseVictim } from "./victim.ts";

/** On a pod that leaves: when its drain began, RFC 3339. The drain is taken up from it after a restart of the operator. */
export const DRAIN_STARTED_ANNOTATION = "chatcluster.dev/drain-started-at";
/** https://kubernetes.io/docs/reference/labels-annotations-taints/#pod-deletion-cost */
export const DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";
/** Below every cost that a person would set, so that the ReplicaSet takes the drained pod and no other. */
export const DRAINING_DELETION_COST = -1_000_000;

/** A chat pod, as the drain sees it. */
export interface ServerPod {
  readonly name: string;
  /** Phase Running: neither unscheduled nor pending. */
  readonly running: boolean;
  readonly ready: boolean;
  /** Has a deletionTimestamp. */
  readonly terminating: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** From `DRAIN_STARTED_ANNOTATION`, in milliseconds since the epoch. */
  readonly drainStartedAt?: number;
  /** `GET /admin/status`, left out where it could not be read. */
  readonly status?: { readonly connections: number; readonly draining: boolean; readonly drained: boolean };
}

export interface DrainInput {
  /** Every chat pod of the ChatCluster. */
  readonly pods: readonly ServerPod[];
  /** Serving servers that there should be: `ScalingDecision.replicas`. */
  readonly desired: number;
  /** The Deployment's `spec.replicas` now. */
  readonly replicas: number;
  readonly drainSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The one thing to do next. Each may be repeated after a crash; after each the caller looks again and asks for the next.
 *
 * - `none`: the number is right and nothing drains.
 * - `scale`: set the Deployment's `spec.replicas`.
 * - `mark`: put the annotations on the pod.
 * - `request-drain`: `POST /admin/drain` with `seconds`. If it fails, ask again later; past the deadline it is no longer asked for.
 * - `wait`: look again after `seconds`.
 * - `delete`: delete the drained pod itself, as lowering the number would take another; the ReplicaSet makes one in its place.
 */
export type DrainStep =
  | { readonly type: "none" }
  | { readonly type: "scale"; readonly replicas: number; readonly message: string }
  | { readonly type: "mark"; readonly pod: string; readonly annotations: Readonly<Record<string, string>> }
  | { readonly type: "request-drain"; readonly pod: string; readonly seconds: number }
  | { readonly type: "wait"; readonly pod: string; readonly seconds: number; readonly message: string }
  | { readonly type: "delete"; readonly pod: string; readonly message: string };

/** Seconds that a server may take beyond its drain time, before the number falls without its word. SIGTERM drains what is left. */
export const DRAIN_GRACE_SECONDS = 15;
/** Seconds between two looks at a draining server. */
const POLL_SECONDS = 2;

/**
 * The next step from the servers that are there to those that there should be. All state is on the pods (annotations) and in the Deployment,
 * so that an operator that starts anew goes on where the last one stopped. Order of a scale-down (design.md): mark the pod and set its
 * deletion cost, let it move its clients, then lower the number.
 */
export function nextDrainStep(input: DrainInput): DrainStep {
  const present = input.pods.filter(({ terminating }) => !terminating);
  const draining = present.filter((pod) => pod.drainStartedAt !== undefined || pod.status?.draining === true);
  const counts = { replicas: input.replicas, present: present.length, draining: draining.length };
  const serving = servingOf(counts);
  if (input.desired > serving) {
    const counted = countedDraining(counts);
    const message = `${input.desired} serving, ${counted} draining`;
    return { type: "scale", replicas: input.desired + counted, message };
  }
  const leaving = draining.toSorted((a, b) => (a.drainStartedAt ?? input.now) - (b.drainStartedAt ?? input.now))[0];
  if (surplusOf(counts) > 0) return awaitDeletion(leaving);
  if (leaving) return continueDrain(leaving, present, input);
  if (input.desired < serving) return beginDrain(present, input);
  return { type: "none" };
}

/** The number is lowered already, or a rollout is on: which pods go is settled by the ReplicaSets first. */
function awaitDeletion(leaving: ServerPod | undefined): DrainStep {
  if (!leaving) return { type: "none" };
  return {
    type: "wait",
    pod: leaving.name,
    seconds: POLL_SECONDS,
    message: "its ReplicaSet has more pods than it needs",
  };
}

function beginDrain(present: readonly ServerPod[], input: DrainInput): DrainStep {
  // Not yet created, unscheduled or pending: nobody is connected, and a ReplicaSet takes such pods first.
  if (present.length < input.replicas || present.some(({ running }) => !running)) {
    return { type: "scale", replicas: input.replicas - 1, message: "a server that has not started yet is not needed" };
  }
  const victim = chooseVictim(present);
  return victim ? mark(victim, input.now) : { type: "none" };
}

function mark(pod: ServerPod, now: number): DrainStep {
  return {
    type: "mark",
    pod: pod.name,
    annotations: {
      [DRAIN_STARTED_ANNOTATION]: new Date(now).toISOString(),
      [DELETION_COST_ANNOTATION]: String(DRAINING_DELETION_COST),
    },
  };
}

function continueDrain(leaving: ServerPod, present: readonly ServerPod[], input: DrainInput): DrainStep {
  // Told to drain by hand: ours from here on.
  if (leaving.drainStartedAt === undefined) return mark(leaving, input.now);
  const elapsed = Math.max(0, (input.now - leaving.drainStartedAt) / 1000);
  const left = input.drainSeconds + DRAIN_GRACE_SECONDS - elapsed;
  if (leaving.status?.drained === true || left <= 0) return finishDrain(leaving, present, input);
  if (leaving.status?.draining !== true) {
    const seconds = Math.max(0, Math.round(input.drainSeconds - elapsed));
    return { type: "request-drain", pod: leaving.name, seconds };
  }
  const message = `${leaving.status.connections} connections left`;
  return { type: "wait", pod: leaving.name, seconds: Math.min(POLL_SECONDS, left), message };
}

function finishDrain(leaving: ServerPod, present: readonly ServerPod[], input: DrainInput): DrainStep {
  const other = present.find((pod) => pod !== leaving && goesBefore(pod, leaving));
  if (other) {
    const message = `lowering the number would take ${other.name}, which has not started or is not ready`;
    return { type: "delete", pod: leaving.name, message };
  }
  return { type: "scale", replicas: input.replicas - 1, message: `${leaving.name} has drained` };
}

/**
 * Whether a ReplicaSet that gets smaller would delete `pod` rather than `leaving`: what has not started goes first, then what
 * is not ready, and only then the deletion cost counts (Kubernetes, ReplicaSet, "Scaling a ReplicaSet").
 */
function goesBefore(pod: ServerPod, leaving: ServerPod): boolean {
  if (pod.running !== leaving.running) return !pod.running;
  return leaving.ready && !pod.ready;
}
