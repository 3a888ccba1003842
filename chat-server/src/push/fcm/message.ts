import { createHash } from "node:crypto";
import { fitText } from "../fit-text.ts";
import { collapseKey, type PushNotification } from "../notification.ts";

/** https://firebase.google.com/docs/cloud-messaging/concept-options: of what is shown and the data, keys included. */
export const MAX_PAYLOAD_BYTES = 4_096;
/** Four weeks, FCM's own bound. */
const MAX_TTL_SECONDS = 2_419_200;
/** FCM keeps so many collapse keys for a device that is away; of a fifth it does not say which one it keeps. */
const COLLAPSE_KEYS = 4;

/**
 * The body of `projects.messages.send` (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages). Undefined if the ids alone are too long.
 *
 * The whole message, with its envelope, is kept under the bound for what is in it: FCM does not say how it counts.
 */
export function fcmMessage(notification: PushNotification, now: number): string | undefined {
  const { token, title, badge, conversationId, messageId, senderId, expiresAt } = notification;
  const ttl = Math.min(Math.max(Math.floor((expiresAt - now) / 1_000), 0), MAX_TTL_SECONDS);
  const envelope = (message: object) => JSON.stringify({ message: { token, ...message } });
  // The token is an address, not content.
  const room = MAX_PAYLOAD_BYTES + Buffer.byteLength(JSON.stringify(token));
  return fitText(notification.body, room, (body) =>
    envelope({
      notification: body === "" ? { title } : { title, body },
      data: { conversationId, messageId, ...(senderId === undefined ? {} : { senderId }) },
      android: {
        priority: "HIGH",
        ttl: `${ttl}s`,
        collapse_key: storedUnder(conversationId),
        notification: {
          tag: collapseKey(conversationId, 64),
          ...(badge === undefined ? {} : { notification_count: badge }),
        },
      },
    }),
  );
}

/** While a device is away, its conversations share the few keys; which one is shown apart the tag says. */
function storedUnder(conversationId: string): string {
  const [byte = 0] = createHash("sha256").update(conversationId).digest();
  return `chat${byte % COLLAPSE_KEYS}`;
}
