import { Type } from "typebox";
import { Value } from "typebox/value";
import { type PushOutcome, reasonOf } from "../push-provider.ts";
import { retryAfterMs } from "../retry-after.ts";

const Failure = Type.Object({
  error: Type.Object({
    status: Type.Optional(Type.String()),
    details: Type.Optional(
      Type.Array(
        Type.Object({
          "@type": Type.Optional(Type.String()),
          errorCode: Type.Optional(Type.String()),
          fieldViolations: Type.Optional(Type.Array(Type.Object({ field: Type.Optional(Type.String()) }))),
        }),
      ),
    ),
  }),
});

const FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const CONFIGURATION_RETRY_MS = 60_000;
/** FCM's advice where it names no time: https://firebase.google.com/docs/cloud-messaging/scale-fcm */
const QUOTA_RETRY_MS = 60_000;

/**
 * What an answer of FCM means: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode. A refusal is of the token only if FCM says so: an
 * `INVALID_ARGUMENT` for another reason, or a 404 without `UNREGISTERED` (a wrong project), would otherwise remove every token.
 */
export function outcomeOf(status: number, retryAfter: string | null, body: string, now: number): PushOutcome {
  if (status === 200) return { outcome: "delivered" };
  const { code, badToken } = failureOf(body);
  const reason = reasonOf(code, `status_${status}`);
  const askedMs = retryAfterMs(retryAfter, now);
  if (reason === "UNREGISTERED") return { outcome: "dead", reason };
  if (status === 400 && badToken) return { outcome: "dead", reason };
  if (status === 429) return { outcome: "retry", reason, afterMs: askedMs ?? QUOTA_RETRY_MS };
  if (status >= 500) return { outcome: "retry", reason, afterMs: askedMs };
  // SENDER_ID_MISMATCH is of one token, which another Firebase project has issued.
  if (reason === "SENDER_ID_MISMATCH") return { outcome: "rejected", code: reason };
  if (status === 401 || status === 403)
    return { outcome: "retry", reason, afterMs: CONFIGURATION_RETRY_MS, fault: "configuration" };
  return { outcome: "rejected", code: reason };
}

function failureOf(body: string): { code?: string | undefined; badToken: boolean } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // A front end's page in place of the API's answer: the status says enough.
    return { badToken: false };
  }
  if (!Value.Check(Failure, value)) return { badToken: false };
  const { status, details = [] } = value.error;
  const violations = details.flatMap((detail) => detail.fieldViolations ?? []);
  return {
    code: details.find((detail) => detail["@type"] === FCM_ERROR)?.errorCode ?? status,
    badToken: violations.some(({ field }) => field === "message.token"),
  };
}
