import { CodedError, messageOf } from "@chatcluster/foundation/errors";

/** What every operation on Redis rejects with: CodedError `unavailable`. */
export function unavailable(cause: unknown): CodedError {
  if (cause instanceof CodedError && cause.code === "unavailable") return cause;
  return new CodedError("unavailable", `Redis is unavailable: ${messageOf(cause)}`, { cause });
}
