import type { PushNotification } from "./notification.ts";

export type ProviderName = "apns" | "fcm" | "webpush";

export type PushOutcome =
  /** The push service has taken it over. Whether the device shows it, nobody tells. */
  | { outcome: "delivered" }
  /**
   * Not now, and perhaps later: the service is away, busy or refuses the credentials. `afterMs`: not before so many milliseconds, as the
   * service has said; without it the caller backs off. `fault: "configuration"`: nothing will go out until an operator has acted.
   */
  | { outcome: "retry"; reason: string; afterMs?: number | undefined; fault?: "configuration" | undefined }
  /**
   * Nothing will ever reach this token. `since`: when the service noticed, in ms since 1970; a token that was registered after that lives.
   * Without it, the token is dead as it was when it was read.
   */
  | { outcome: "dead"; reason: string; since?: number | undefined }
  /** This notification will never be accepted; others to the same token may be. */
  | { outcome: "rejected"; code: string };

/**
 * A push service. Implementations are twins of one contract:
 *
 * - `send` never rejects: what goes wrong is an outcome. It settles within {@link SEND_TIMEOUT_MS} and a little.
 * - `retry` also stands for "not known": a connection that broke after the request was written. The same notification is then sent again
 *   under the same `id`, and replaces the first on the device by its collapse key.
 * - `reason` and `code` are the service's own words or ours: letters, digits and underscores, few, fit for a metric's label. They hold no token.
 * - A payload is made to fit the service's bound by shortening the text, never by leaving out the ids.
 * - `close` waits for nothing: what is under way ends as `retry`.
 */
export interface PushProvider {
  readonly name: ProviderName;
  send(notification: PushNotification): Promise<PushOutcome>;
  close(): Promise<void>;
}

/** After so long without an answer the result counts as unknown. Well under the queue's lease, so that no job is sent by two. */
export const SEND_TIMEOUT_MS = 10_000;

const LABEL = /^\w{1,64}$/;

/** A remote's word as a label; what is no word becomes `fallback`, so that a remote can't fill the metrics. */
export function reasonOf(word: unknown, fallback: string): string {
  return typeof word === "string" && LABEL.test(word) ? word : fallback;
}
