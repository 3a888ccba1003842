import { type OfflineEntry, offlineEntry } from "../directory/user-directory.ts";
import type { Session } from "./session.ts";
import type { Unacknowledged } from "./unacknowledged.ts";

/** Events read from a log at once. */
const PAGE = 500;

/**
 * Takes a session out of everything, and puts back what its client never acknowledged.
 *
 * The order matters. As long as the user is registered senders rely on this session, so it goes on following its conversations until the
 * registration is gone; the barrier then brings in what was published before that; and only then is it known what has to be put back.
 */
export async function leave(session: Session): Promise<void> {
  const { registry, broker, presence, directory, hub, logger } = session.services;
  const wasRegistered = session.registered;
  session.registered = false;
  const last = wasRegistered && !registry.isRegistered(session.userId);
  try {
    const gone = last && (await directory.unregister(session.userId)) === 0;
    if (gone) void presence.publishGone(session.userId);
    if (wasRegistered) {
      await broker.barrier();
      // Also if the user is connected elsewhere: that may be the same client, back before this death was noticed.
      await putBack(session, gone);
    }
    // Another login may have come meanwhile, whose registration this one has taken away.
    if (last && registry.isRegistered(session.userId)) await directory.register(session.userId);
  } catch (error) {
    // The registration expires by itself, and the next login finds it unclean, which sends the client to the history.
    logger.warn({ err: error, userId: session.userId }, "what the client had not acknowledged was not put back");
  } finally {
    registry.remove(session);
    for (const conversationId of session.following.keys()) hub.leave(conversationId, session);
    session.following.clear();
    if (session.subscribed) broker.unsubscribeUser(session.userId);
    session.subscribed = false;
  }
}

/** `gone`: the user has no connection anywhere, and was sent no push for what this one seemed to get. */
async function putBack(session: Session, gone: boolean): Promise<void> {
  const { directory, notify } = session.services;
  const entries: OfflineEntry[] = [];
  for (const [conversationId, unacknowledged] of session.following) {
    const position = session.services.hub.feed(conversationId)?.position;
    const { epoch, offset } = unacknowledged.from;
    if (!position || (position.epoch === epoch && position.offset <= offset)) continue;
    entries.push(...(await missing(session, conversationId, unacknowledged)));
  }
  // With a notice: whoever has logged in already has read the list.
  if (entries.length > 0) await directory.push([session.userId], entries, true);
  if (!gone) return;
  // One for each conversation: the others would be replaced on the screen as soon as they came.
  const newest = new Map(entries.map((entry) => [entry.conversationId, entry]));
  for (const { body } of newest.values()) await notify([session.userId], body);
}

async function missing(session: Session, conversationId: string, { from }: Unacknowledged): Promise<OfflineEntry[]> {
  const { log, directory } = session.services;
  const entries: OfflineEntry[] = [];
  for (let cursor = from; ; ) {
    const { recovered, events } = await log.read(conversationId, cursor, PAGE);
    if (!recovered) {
      await directory.markOverflow(session.userId);
      return [];
    }
    for (const { body } of events) {
      const entry = offlineEntry(body);
      if (entry && !body.includes(`"senderId":${JSON.stringify(session.userId)},"clientId":`)) entries.push(entry);
    }
    const end = events.at(-1)?.position;
    if (!end) return entries;
    cursor = end;
  }
}
