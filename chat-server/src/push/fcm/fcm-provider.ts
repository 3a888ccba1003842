import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { PushNotification } from "../notification.ts";
import { type PushOutcome, type PushProvider, SEND_TIMEOUT_MS } from "../push-provider.ts";
import { AccessToken, TokenRefused } from "./access-token.ts";
import { fcmMessage } from "./message.ts";
import { outcomeOf } from "./response.ts";
import { parseServiceAccount } from "./service-account.ts";

export const FCM_URL = "https://fcm.googleapis.com";

export interface FcmOptions {
  url: string;
  /** Reads the service account's key file. */
  serviceAccount: () => Promise<string>;
  logger: Logger;
  now?: () => number;
  requestTimeoutMs?: number;
}

/** Firebase Cloud Messaging, HTTP v1: https://firebase.google.com/docs/cloud-messaging/send/v1-api */
export class FcmProvider implements PushProvider {
  readonly name = "fcm";
  readonly #options: FcmOptions;
  readonly #now: () => number;
  readonly #accessToken: AccessToken;
  readonly #closing = new AbortController();
  #projectId: string | undefined;

  constructor(options: FcmOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#accessToken = new AccessToken(async () => {
      const account = parseServiceAccount(await options.serviceAccount());
      this.#projectId = account.projectId;
      return account;
    }, this.#now);
  }

  async send(notification: PushNotification): Promise<PushOutcome> {
    const message = fcmMessage(notification, this.#now());
    if (message === undefined) return { outcome: "rejected", code: "payload_too_large" };
    try {
      return await this.#post(message, await this.#accessToken.get());
    } catch (error) {
      this.#options.logger.warn({ err: error }, "FCM request failed");
      return failed(error);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new CodedError("closed", "the server ends"));
  }

  async #post(body: string, accessToken: string): Promise<PushOutcome> {
    const timeout = AbortSignal.timeout(this.#options.requestTimeoutMs ?? SEND_TIMEOUT_MS);
    const response = await fetch(new URL(`/v1/projects/${this.#projectId}/messages:send`, this.#options.url), {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([timeout, this.#closing.signal]),
    });
    const answer = await response.text();
    if (response.status === 401) this.#accessToken.forget(accessToken);
    return outcomeOf(response.status, response.headers.get("retry-after"), answer, this.#now());
  }
}

function failed(error: unknown): PushOutcome {
  if (error instanceof TokenRefused) {
    const fault = error.code === "invalid_push_credentials" ? ({ fault: "configuration" } as const) : {};
    return { outcome: "retry", reason: error.code, afterMs: error.retryAfterMs, ...fault };
  }
  return {
    outcome: "retry",
    reason: error instanceof Error && error.name === "TimeoutError" ? "timeout" : "no_answer",
  };
}
