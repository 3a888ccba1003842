import { setTimeout as delay } from "node:timers/promises";
import type { Position } from "@chatcluster/protocol";
import { isLive } from "../conversation/conversation-id.ts";
import type { Session } from "./session.ts";

/** Conversations joined at once: each takes a subscription and a reading of the log. */
const JOINED_AT_ONCE = 32;
/** Milliseconds until the next try, when memberships could not be read. */
const RETRY_MS = 1_000;

export async function each(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  for (let start = 0; start < ids.length; start += JOINED_AT_ONCE)
    await Promise.all(ids.slice(start, start + JOINED_AT_ONCE).map(work));
}

export async function chatsOf({ services, userId }: Session): Promise<string[]> {
  return (await services.conversations.allIdsOf(userId)).filter((id) => !isLive(id));
}

/**
 * Who was added while a device was away is told when it comes back. How much of it the device has missed is not known, so it is sent to the history: of
 * the time since the user was added.
 */
export async function tellAdded(session: Session, conversationId: string): Promise<void> {
  const { conversations, log } = session.services;
  const joined = await conversations.joinedBy(session.userId, conversationId);
  if (!joined) return;
  const { position } = await log.read(conversationId, undefined, 0);
  // Meanwhile the invitation itself may have come.
  if (session.following.has(conversationId)) return;
  session.send({ type: "conversation_added", ...joined });
  session.send({ type: "resumed", conversationId, recovered: false, position });
  await session.follow(conversationId, { after: position, announced: true });
}

/**
 * Who was removed while a device was away is told when it comes back: nothing is resumed there, and without a word the client would wait for that. One
 * that is followed nevertheless was added again while this login went on.
 */
export function tellRemoved(
  session: Session,
  positions: Readonly<Record<string, Position>>,
  own: ReadonlySet<string>,
): void {
  for (const conversationId of Object.keys(positions))
    if (!isLive(conversationId) && !own.has(conversationId) && !session.following.has(conversationId))
      session.send({ type: "conversation_removed", conversationId });
}

/**
 * What was published for the user did not arrive for a while, and so neither did invitations and removals. Never rejects: as long as the session lives it
 * tries until the memberships can be read. Closing instead would send all of this server's clients away at once.
 */
export async function catchUp(session: Session): Promise<void> {
  const { logins, logger } = session.services;
  while (!isClosed(session)) {
    try {
      // As with logins, all of this server's users ask at once.
      await logins.run(() => compare(session));
      return;
    } catch (error) {
      logger.warn({ err: error, userId: session.userId }, "memberships not read; will try again");
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }
}

async function compare(session: Session): Promise<void> {
  const own = new Set(await chatsOf(session));
  if (isClosed(session)) return;
  for (const id of session.following.keys()) if (!own.has(id)) void session.checkMember(id);
  await each(
    [...own].filter((id) => !session.following.has(id)),
    (id) => tellAdded(session, id),
  );
}

const isClosed = ({ state }: Session) => state === "closed";
