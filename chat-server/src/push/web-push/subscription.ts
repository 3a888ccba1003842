import { Type } from "typebox";
import { Value } from "typebox/value";

const Subscription = Type.Object({
  endpoint: Type.String({ maxLength: 2_048 }),
  /** RFC 8291, section 3.2: an uncompressed P-256 point of 65 bytes, and 16 bytes; base64url. */
  keys: Type.Object({
    p256dh: Type.String({ pattern: "^B[A-Za-z0-9_-]{86}=?$" }),
    auth: Type.String({ pattern: "^[A-Za-z0-9_-]{22}(==)?$" }),
  }),
});

export interface WebPushSubscription {
  endpoint: URL;
  keys: { p256dh: string; auth: string };
}

/**
 * Reads what a browser's `PushSubscription.toJSON()` gives (https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson), as JSON text. Undefined if it
 * is none.
 */
export function parseSubscription(token: string): WebPushSubscription | undefined {
  try {
    const value: unknown = JSON.parse(token);
    if (!Value.Check(Subscription, value)) return undefined;
    const endpoint = new URL(value.endpoint);
    if (endpoint.protocol !== "https:" || endpoint.username !== "" || endpoint.password !== "") return undefined;
    return { endpoint, keys: value.keys };
  } catch {
    // Neither JSON nor a URL: the caller names it.
    return undefined;
  }
}
