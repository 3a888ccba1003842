import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Problem } from "./dependencies.ts";

/** Failures that only a person ends; any other may be over at the next try. */
const LASTING: Readonly<Record<string, string>> = {
  kubernetes_bad_request: "ChildRefused",
  kubernetes_invalid: "ChildRefused",
  kubernetes_forbidden: "OperatorForbidden",
  not_controlled: "NotControlled",
};

/** What a failed step of a reconcile is called in the Degraded condition. */
export function failureProblem(error: unknown): Problem {
  const reason = (error instanceof CodedError ? LASTING[error.code] : undefined) ?? "ReconcileFailed";
  return { reason, message: messageOf(error) };
}

/** Whether somebody has to do something about it, so that an Event is due. */
export function isLasting({ reason }: Problem): boolean {
  return Object.values(LASTING).includes(reason);
}
