import type { Presence } from "@chatcluster/client";
import { dayName, timeOfDay } from "./format.ts";
import type { Thread } from "./thread.ts";

/** What stands below the title: who types, else who is there. */
export function whoIsThere(thread: Thread, presences: ReadonlyMap<string, Presence>): string {
  const typists = [...thread.typists];
  if (typists.length > 0) return typingText(thread, typists);
  if (thread.direct) return directText(presences.get(thread.others[0] ?? ""));
  const online = thread.others.filter((userId) => presences.get(userId)?.online).length;
  return [["You", ...thread.others].join(", "), ...(online > 0 ? [`${online} online`] : [])].join(" · ");
}

function typingText(thread: Thread, typists: readonly string[]): string {
  if (thread.direct) return "typing…";
  return `${typists.join(", ")} ${typists.length > 1 ? "are" : "is"} typing…`;
}

function directText(presence: Presence | undefined): string {
  if (presence === undefined) return "Direct conversation";
  if (presence.online) return "Online";
  const { lastSeenAt } = presence;
  if (lastSeenAt === undefined) return "Offline";
  const day = dayName(lastSeenAt);
  return `Last seen ${day === "Today" ? "" : `${day}, `}${timeOfDay(lastSeenAt)}`;
}
