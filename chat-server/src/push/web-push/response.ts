import type { PushOutcome } from "../push-provider.ts";
import { retryAfterMs } from "../retry-after.ts";

const TOO_MANY_REQUESTS_MS = 30_000;

/**
 * What a push service's answer means: RFC 8030, sections 5 and 8.4. A 401 or 403 is of one subscription, which was made for another VAPID key
 * (RFC 8292, section 4.2); the browser has to subscribe anew.
 */
export function outcomeOf(status: number, retryAfter: string | null, now: number): PushOutcome {
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  const reason = `status_${status}`;
  if (status === 404 || status === 410) return { outcome: "dead", reason };
  const askedMs = retryAfterMs(retryAfter, now);
  if (status === 429) return { outcome: "retry", reason, afterMs: askedMs ?? TOO_MANY_REQUESTS_MS };
  if (status >= 500) return { outcome: "retry", reason, afterMs: askedMs };
  return { outcome: "rejected", code: reason };
}
