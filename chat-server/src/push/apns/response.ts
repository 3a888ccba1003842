import { Type } from "typebox";
import { Value } from "typebox/value";
import { type PushOutcome, reasonOf } from "../push-provider.ts";
import { retryAfterMs } from "../retry-after.ts";
import type { Http2Response } from "./http2-connection.ts";

const Failure = Type.Object({ reason: Type.Optional(Type.String()), timestamp: Type.Optional(Type.Number()) });

/** Nothing gets better before an operator has acted; but then it should go out without being asked. */
const CONFIGURATION_RETRY_MS = 60_000;
/** The credentials may change again no sooner than this. */
const TOKEN_UPDATE_MS = 20 * 60 * 1_000;
const TOO_MANY_REQUESTS_MS = 30_000;

/**
 * What an answer of APNs means: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
 *
 * `BadDeviceToken` and `DeviceTokenNotForTopic` also come for every token if the topic or the environment (sandbox or production) is set wrongly, so they
 * remove none.
 */
export function outcomeOf(response: Http2Response, now: number): PushOutcome {
  const { status } = response;
  if (status === 200) return { outcome: "delivered" };
  const failure = failureOf(response.body);
  const reason = reasonOf(failure.reason, `status_${status}`);
  switch (status) {
    case 410:
      return { outcome: "dead", reason, since: failure.timestamp };
    case 403:
      return { outcome: "retry", reason, afterMs: CONFIGURATION_RETRY_MS, fault: "configuration" };
    case 429:
      if (reason === "TooManyProviderTokenUpdates")
        return { outcome: "retry", reason, afterMs: TOKEN_UPDATE_MS, fault: "configuration" };
      return { outcome: "retry", reason, afterMs: asked(response, now) ?? TOO_MANY_REQUESTS_MS };
    default:
      if (status >= 500) return { outcome: "retry", reason, afterMs: asked(response, now) };
      // A connection on which nothing was sent for long; the next try has another.
      if (reason === "IdleTimeout") return { outcome: "retry", reason };
      return { outcome: "rejected", code: reason };
  }
}

function asked({ headers }: Http2Response, now: number): number | undefined {
  const header = headers["retry-after"];
  return retryAfterMs(Array.isArray(header) ? header[0] : header, now);
}

function failureOf(body: string): { reason?: string; timestamp?: number } {
  try {
    const value: unknown = JSON.parse(body);
    return Value.Check(Failure, value) ? value : {};
  } catch {
    // A proxy's page in place of Apple's answer: the status says enough.
    return {};
  }
}
