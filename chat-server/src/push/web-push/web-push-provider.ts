import { encryptNotification, vapidHeaders } from "@block65/webcrypto-web-push";
import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { fitText } from "../fit-text.ts";
import { collapseKey, type PushNotification } from "../notification.ts";
import { type PushOutcome, type PushProvider, SEND_TIMEOUT_MS } from "../push-provider.ts";
import { isAllowed } from "./allowed-hosts.ts";
import { outcomeOf } from "./response.ts";
import { parseSubscription, type WebPushSubscription } from "./subscription.ts";

/** RFC 8291, section 4: 4,096 bytes for the encrypted body, of which 103 are the header, the delimiter and the tag. */
const MAX_PLAINTEXT_BYTES = 3_993;
/** RFC 8030, section 5.4. */
const MAX_TOPIC_LENGTH = 32;

export interface WebPushOptions {
  /** P-256, base64url: the uncompressed point, and the scalar. */
  publicKey: string;
  privateKey: () => Promise<string>;
  /** `mailto:` or `https:`, by which a push service reaches the operator (RFC 8292, section 2.1). */
  subject: string;
  /** Where subscriptions may lie: see `isAllowed`. */
  hosts: string;
  logger: Logger;
  now?: () => number;
  requestTimeoutMs?: number;
}

type Prepared = { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> };

/** Web Push (RFC 8030) with VAPID (RFC 8292) and encrypted content (RFC 8291), padded to one length for all. */
export class WebPushProvider implements PushProvider {
  readonly name = "webpush";
  readonly #options: WebPushOptions;
  readonly #now: () => number;
  readonly #closing = new AbortController();

  constructor(options: WebPushOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async send(notification: PushNotification): Promise<PushOutcome> {
    const subscription = parseSubscription(notification.token);
    if (!subscription) return { outcome: "dead", reason: "malformed_token" };
    if (!isAllowed(this.#options.hosts, subscription.endpoint))
      return { outcome: "rejected", code: "host_not_allowed" };
    const text = plaintext(notification);
    if (text === undefined) return { outcome: "rejected", code: "payload_too_large" };
    const vapid = await this.#authorization(subscription);
    if ("outcome" in vapid) return vapid;
    let body: Prepared["body"];
    try {
      body = await encryptNotification(
        { ...subscription, endpoint: subscription.endpoint.href, expirationTime: null },
        Buffer.from(text),
      );
    } catch (error) {
      // The text fits, so it is the key, which is no point on the curve.
      this.#options.logger.info({ err: error }, "Web Push subscription unusable");
      return { outcome: "dead", reason: "malformed_token" };
    }
    return this.#post(subscription.endpoint, { headers: { ...vapid, ...this.#headers(notification) }, body });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the server ends"));
  }

  async #authorization({ endpoint, keys }: WebPushSubscription): Promise<{ authorization: string } | PushOutcome> {
    const { publicKey, subject, logger } = this.#options;
    try {
      const vapid = { subject, publicKey, privateKey: (await this.#options.privateKey()).trim() };
      return (await vapidHeaders({ endpoint: endpoint.href, keys, expirationTime: null }, vapid)).headers;
    } catch (error) {
      logger.error({ err: error }, "VAPID key unusable");
      return { outcome: "retry", reason: "invalid_push_credentials", fault: "configuration" };
    }
  }

  #headers({ conversationId, expiresAt }: PushNotification): Record<string, string> {
    return {
      ttl: String(Math.max(Math.floor((expiresAt - this.#now()) / 1_000), 0)),
      topic: collapseKey(conversationId, MAX_TOPIC_LENGTH),
      urgency: "high",
      "content-encoding": "aes128gcm",
      "content-type": "application/octet-stream",
    };
  }

  async #post(endpoint: URL, { headers, body }: Prepared): Promise<PushOutcome> {
    const timeout = AbortSignal.timeout(this.#options.requestTimeoutMs ?? SEND_TIMEOUT_MS);
    try {
      const response = await fetch(endpoint, {
        method: "POST",
        headers,
        body,
        // A redirect could lead where the list of hosts doesn't.
        redirect: "manual",
        signal: AbortSignal.any([timeout, this.#closing.signal]),
      });
      await response.body?.cancel();
      return outcomeOf(response.status, response.headers.get("retry-after"), this.#now());
    } catch (error) {
      this.#options.logger.warn({ err: messageOf(error), host: endpoint.host }, "Web Push request failed");
      return { outcome: "retry", reason: timeout.aborted ? "timeout" : "no_answer" };
    }
  }
}

function plaintext({ title, body, badge, conversationId, messageId, senderId }: PushNotification): string | undefined {
  return fitText(body, MAX_PLAINTEXT_BYTES, (text) =>
    JSON.stringify({ title, body: text, badge, conversationId, messageId, senderId }),
  );
}
