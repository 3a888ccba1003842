import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { importPKCS8, SignJWT } from "jose";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { SEND_TIMEOUT_MS } from "../push-provider.ts";
import { retryAfterMs } from "../retry-after.ts";
import type { ServiceAccount } from "./service-account.ts";

const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Google's bound for an assertion. */
const ASSERTION_SECONDS = 60 * 60;
/** A token is renewed so long before it ends, so that none ends on its way. */
const RENEW_BEFORE_MS = 5 * 60 * 1_000;

const Grant = Type.Object({ access_token: Type.String({ minLength: 1 }), expires_in: Type.Number({ minimum: 1 }) });

/** No token was given. `retryAfterMs` as the service has asked for. */
export class TokenRefused extends CodedError {
  readonly retryAfterMs: number | undefined;

  constructor(
    code: "invalid_push_credentials" | "token_unavailable",
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(code, message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * OAuth 2.0 access tokens for a service account, by a signed assertion (RFC 7523, section 2.1;
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest). One request at a time, whoever asks.
 */
export class AccessToken {
  readonly #account: () => Promise<ServiceAccount>;
  readonly #now: () => number;
  #current: { token: string; renewAt: number } | undefined;
  #asking: Promise<string> | undefined;

  /** @param account reads it; asked anew for each token, so that a key that was replaced in its file is taken up */
  constructor(account: () => Promise<ServiceAccount>, now: () => number) {
    this.#account = account;
    this.#now = now;
  }

  /** @throws TokenRefused */
  async get(): Promise<string> {
    if (this.#current && this.#now() < this.#current.renewAt) return this.#current.token;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The service does not accept this token any more. */
  forget(token: string): void {
    if (this.#current?.token === token) this.#current = undefined;
  }

  async #ask(): Promise<string> {
    const { tokenUrl, body } = await this.#assertion();
    let response: Response;
    try {
      const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
      response = await fetch(tokenUrl, { method: "POST", body, signal, redirect: "error" });
    } catch (cause) {
      throw new TokenRefused("token_unavailable", `${tokenUrl}: ${messageOf(cause)}`, { cause });
    }
    const answer = await response.json().catch(() => undefined);
    if (!response.ok) {
      // RFC 6749, section 5.2: 400 and 401 say that the assertion is not accepted; anything else may pass.
      const refused = response.status === 400 || response.status === 401;
      throw new TokenRefused(
        refused ? "invalid_push_credentials" : "token_unavailable",
        `${tokenUrl} answers ${response.status}`,
        { retryAfterMs: retryAfterMs(response.headers.get("retry-after"), this.#now()) },
      );
    }
    if (!Value.Check(Grant, answer)) throw new TokenRefused("token_unavailable", `${tokenUrl} answers without a token`);
    const lifeMs = answer.expires_in * 1_000;
    this.#current = {
      token: answer.access_token,
      renewAt: this.#now() + Math.max(lifeMs - RENEW_BEFORE_MS, lifeMs / 2),
    };
    return answer.access_token;
  }

  async #assertion(): Promise<{ tokenUrl: string; body: URLSearchParams }> {
    try {
      const account = await this.#account();
      const seconds = Math.floor(this.#now() / 1_000);
      const assertion = await new SignJWT({ scope: SCOPE })
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: account.privateKeyId })
        .setIssuer(account.clientEmail)
        .setAudience(account.tokenUrl)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + ASSERTION_SECONDS)
        .sign(await importPKCS8(account.privateKey, "RS256"));
      return { tokenUrl: account.tokenUrl, body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }) };
    } catch (cause) {
      throw new TokenRefused("invalid_push_credentials", `the FCM service account: ${messageOf(cause)}`, { cause });
    }
  }
}
