import { createHash } from "node:crypto";

/** What a push service is asked to show on one device. */
export interface PushNotification {
  /** A UUID; the same for every try. */
  id: string;
  token: string;
  title: string;
  body: string;
  /** The number at the app's icon; undefined leaves it as it is. */
  badge?: number | undefined;
  /** A later notification of the same conversation replaces an earlier one. */
  conversationId: string;
  messageId: string;
  /** Left out where message contents are to stay away from push services. */
  senderId?: string | undefined;
  /** Milliseconds since 1970: worthless afterwards. */
  expiresAt: number;
}

/** The same message to the same device is the same notification. In the form of a version 8 UUID (RFC 9562, section 5.8). */
export function notificationId(messageId: string, userId: string, deviceId: string): string {
  const hex = createHash("sha256")
    .update(JSON.stringify([messageId, userId, deviceId]))
    .digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

/** Names a conversation in at most `bytes` bytes of letters, digits, `-` and `_`: its id where that fits, else a digest of it. */
export function collapseKey(conversationId: string, bytes: number): string {
  if (conversationId.length <= bytes && /^[\w-]+$/.test(conversationId)) return conversationId;
  return createHash("sha256").update(conversationId).digest("base64url").slice(0, bytes);
}
