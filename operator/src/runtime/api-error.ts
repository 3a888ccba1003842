import { CodedError } from "@chatcluster/foundation/errors";

/** The parts of a `metav1.Status` that tell what went wrong. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface ApiStatus {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

const CODE_BY_REASON: Readonly<Record<string, string>> = {
  AlreadyExists: "kubernetes_already_exists",
  BadRequest: "kubernetes_bad_request",
  Conflict: "kubernetes_conflict",
  Expired: "kubernetes_gone",
  Forbidden: "kubernetes_forbidden",
  Gone: "kubernetes_gone",
  Invalid: "kubernetes_invalid",
  NotFound: "kubernetes_not_found",
  TooManyRequests: "kubernetes_too_many_requests",
  Unauthorized: "kubernetes_unauthorized",
};

/** Server-side apply answers 500 without a reason to a field that the kind does not have, or that has another type; trying again is of no use. */
const REFUSED_BY_SCHEMA = /failed to create typed patch object|field not declared in schema/;

/**
 * A request that the API server refused, or that never reached it.
 *
 * Codes: `kubernetes_not_found`, `kubernetes_conflict`, `kubernetes_already_exists`, `kubernetes_invalid`, `kubernetes_bad_request`,
 * `kubernetes_forbidden`, `kubernetes_unauthorized`, `kubernetes_gone` (410: list again), `kubernetes_too_many_requests`,
 * `kubernetes_unavailable` (no connection, time-out or 5xx), `kubernetes_bad_reply` (not the JSON that was asked for) and
 * `kubernetes_error` for the rest.
 */
export class ApiError extends CodedError {
  /** HTTP status, 0 if there was no reply. */
  readonly status: number;
  /** The API server's machine-readable reason (`NotFound`), "" if there is none. */
  readonly reason: string;
  /** What the request was about: `patch Deployment default/sample-chat`. */
  readonly subject: string;
  /** Seconds after which the API server wants to be asked again, if it said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(subject: string, status: number, body: ApiStatus, options?: ErrorOptions & { code?: string }) {
    const reason = body.reason ?? "";
    const code =
      options?.code ??
      CODE_BY_REASON[reason] ??
      (REFUSED_BY_SCHEMA.test(body.message ?? "") ? "kubernetes_invalid" : undefined) ??
      (status === 0 || status >= 500 ? "kubernetes_unavailable" : "kubernetes_error");
    const said = [status === 0 ? "" : `HTTP ${status}`, reason, body.message ?? ""].filter((part) => part !== "");
    super(code, `${subject}: ${said.join(" ") || "no reply"}`, options);
    this.status = status;
    this.reason = reason;
    this.subject = subject;
    this.retryAfterSeconds = body.details?.retryAfterSeconds;
  }
}

/** Whether the error says that the object does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof CodedError && error.code === "kubernetes_not_found";
}

/** Whether the object was changed or created by somebody else in between: read again and decide again. */
export function isConflict(error: unknown): boolean {
  return error instanceof CodedError && ["kubernetes_conflict", "kubernetes_already_exists"].includes(error.code);
}

/** Whether the resourceVersion is too old for the API server's history: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.code === "kubernetes_gone");
}
