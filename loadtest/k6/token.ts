import crypto from "k6/crypto";
import encoding from "k6/encoding";
import type { Settings } from "./settings.ts";

const DAY_SECONDS = 86_400;

/** A JWT of the user (RFC 7519), signed with HS256 (RFC 7518, section 3.2), good for two days: longer than any run. */
export function signToken(settings: Settings, userId: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    sub: userId,
    iat: now,
    exp: now + 2 * DAY_SECONDS,
    ...(settings.issuer !== undefined && { iss: settings.issuer }),
    ...(settings.audience !== undefined && { aud: settings.audience }),
  };
  const signed = [{ alg: "HS256", typ: "JWT" }, claims]
    .map((part) => encoding.b64encode(JSON.stringify(part), "rawurl"))
    .join(".");
  return `${signed}.${crypto.hmac("sha256", settings.secret, signed, "base64rawurl")}`;
}
