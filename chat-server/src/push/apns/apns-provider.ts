import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { collapseKey, type PushNotification } from "../notification.ts";
import { type PushOutcome, type PushProvider, SEND_TIMEOUT_MS } from "../push-provider.ts";
import { Http2Connection } from "./http2-connection.ts";
import { apnsPayload } from "./payload.ts";
import { ProviderToken } from "./provider-token.ts";
import { outcomeOf } from "./response.ts";

export const APNS_URL = "https://api.push.apple.com";

/** Tokens are opaque bytes of a length that may change, in hexadecimal. */
const DEVICE_TOKEN = /^(?:[0-9a-f]{2}){32,100}$/i;
const MAX_COLLAPSE_ID_BYTES = 64;
/** Apple asks not to ping more often than once an hour; a firewall forgets a silent connection sooner, but then the first timeout finds it out. */
const PING_AFTER_MS = 60 * 60 * 1_000;
const PING_TIMEOUT_MS = 5_000;

export interface ApnsOptions {
  /** {@link APNS_URL}, or that of the sandbox. */
  url: string;
  teamId: string;
  keyId: string;
  /** Reads the signing key: PKCS #8 PEM. */
  key: () => Promise<string>;
  /** The app's bundle id. */
  topic: string;
  logger: Logger;
  now?: () => number;
  requestTimeoutMs?: number;
  pingAfterMs?: number;
  pingTimeoutMs?: number;
}

/** Apple Push Notification service: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns */
export class ApnsProvider implements PushProvider {
  readonly name = "apns";
  readonly #options: ApnsOptions;
  readonly #now: () => number;
  readonly #connection: Http2Connection;
  readonly #token: ProviderToken;

  constructor(options: ApnsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#connection = new Http2Connection({
      origin: options.url,
      requestTimeoutMs: options.requestTimeoutMs ?? SEND_TIMEOUT_MS,
      pingAfterMs: options.pingAfterMs ?? PING_AFTER_MS,
      pingTimeoutMs: options.pingTimeoutMs ?? PING_TIMEOUT_MS,
    });
    this.#token = new ProviderToken({ ...options, now: this.#now });
  }

  async send(notification: PushNotification): Promise<PushOutcome> {
    if (!DEVICE_TOKEN.test(notification.token)) return { outcome: "dead", reason: "malformed_token" };
    const payload = apnsPayload(notification);
    if (payload === undefined) return { outcome: "rejected", code: "payload_too_large" };
    try {
      const response = await this.#connection.request(await this.#headers(notification), payload);
      const outcome = outcomeOf(response, this.#now());
      if (outcome.outcome === "retry" && outcome.reason === "InvalidProviderToken") this.#token.forget();
      return outcome;
    } catch (error) {
      const code = error instanceof CodedError ? error.code : "internal_error";
      this.#options.logger.warn({ err: error }, "APNs request failed");
      return {
        outcome: "retry",
        reason: code,
        ...(code === "invalid_push_credentials" ? { fault: "configuration" as const } : {}),
      };
    }
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #headers({ id, token, conversationId, expiresAt }: PushNotification) {
    return {
      ":method": "POST",
      ":path": `/3/device/${token}`,
      authorization: `bearer ${await this.#token.get()}`,
      "apns-id": id,
      "apns-topic": this.#options.topic,
      "apns-push-type": "alert",
      // Shown to a person, hence at once (10), not when the battery likes (5).
      "apns-priority": "10",
      "apns-expiration": String(Math.floor(expiresAt / 1_000)),
      "apns-collapse-id": collapseKey(conversationId, MAX_COLLAPSE_ID_BYTES),
      "content-type": "application/json",
    };
  }
}
