import { randomBytes, randomUUID } from "node:crypto";
import { notificationId, type PushNotification } from "../../src/push/notification.ts";

/** A notification of a new message, good for an hour from `now`. */
export function notificationFor(
  token: string,
  more: Partial<PushNotification> = {},
  now = Date.now(),
): PushNotification {
  const messageId = randomUUID();
  return {
    id: notificationId(messageId, "bob", "phone"),
    token,
    title: "alice",
    body: "hello",
    conversationId: "conversation-1",
    messageId,
    senderId: "alice",
    expiresAt: now + 3_600_000,
    ...more,
  };
}

/** A device token in the form of Apple's. */
export const appleToken = (): string => randomBytes(32).toString("hex");
