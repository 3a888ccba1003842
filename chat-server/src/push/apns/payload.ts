import { fitText } from "../fit-text.ts";
import type { PushNotification } from "../notification.ts";

/** https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification */
export const MAX_PAYLOAD_BYTES = 4_096;

/** Undefined if the ids alone are too long. */
export function apnsPayload(notification: PushNotification): string | undefined {
  const { title, badge, conversationId, messageId, senderId } = notification;
  return fitText(notification.body, MAX_PAYLOAD_BYTES, (body) =>
    JSON.stringify({
      aps: {
        alert: body === "" ? { title } : { title, body },
        sound: "default",
        // So that the app may put a name in the place of the sender's id.
        "mutable-content": 1,
        "thread-id": conversationId,
        ...(badge === undefined ? {} : { badge }),
      },
      conversationId,
      messageId,
      ...(senderId === undefined ? {} : { senderId }),
    }),
  );
}
