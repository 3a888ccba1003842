import type { ConversationChange } from "@chatcluster/client";
import type { Thread } from "./thread.ts";

/** What somebody else has changed, in words. */
export function changeText(thread: Thread, change: ConversationChange): string {
  const { by } = change;
  const where = thread.direct ? "" : ` in ${thread.title}`;
  switch (change.type) {
    case "renamed":
      return `${by} renamed the group to ${change.title}`;
    case "message_edited":
      return `${by} edited a message${where}: ${change.text}`;
    case "message_deleted":
      return `${by} deleted a message${where}`;
    case "rights_changed":
      return `${by} changed who may read and write${where}`;
    case "members_changed":
      return [
        ...change.set.map(({ userId, role }) => `${userId} is ${role}${where}`),
        ...change.removed.map((userId) => `${userId} is no longer${where || " there"}`),
      ].join(", ");
  }
}
