import { CodedError } from "@chatcluster/foundation/errors";
import type { ErrorCode, Position, ServerFrame } from "@chatcluster/protocol";
import { isLive } from "../conversation/conversation-id.ts";
import { type Access, refusalOf } from "../conversation/membership.ts";
import type { FeedEvent } from "../delivery/feed.ts";
import { RateLimited } from "./rate-limiter.ts";
import type { Session } from "./session.ts";

/** What a client that subscribes has, and the request that asks for it. */
export interface Wanted {
  conversationId: string;
  /** From now on, if absent. */
  position?: Position;
  re?: number;
}

/** Tells the client from where it is subscribed. `recovered` is absent if it gave no position. */
type Answer = (access: Access, position: Position, recovered?: boolean) => ServerFrame;

/** Milliseconds after which a client tries again that subscribes twice at once. */
const RETRY_AFTER_MS = 200;

/**
 * Subscribes a session to a live conversation: `subscribed`, then what was missed, then events as they come.
 * @throws CodedError `invalid_frame` (no live conversation), `conversation_not_found`, `forbidden`, `too_many_subscriptions`, `rate_limited`,
 * `unavailable`
 */
export function subscribe(session: Session, wanted: Wanted): Promise<void> {
  const { conversationId, position, re } = wanted;
  return join(session, wanted, (access, at, recovered) => ({
    type: "subscribed",
    ...(re === undefined ? {} : { re }),
    conversationId,
    position: recovered && position ? position : at,
    ...(recovered === undefined ? {} : { recovered }),
    title: access.title,
    mayPublish: refusalOf(access, session.userId, "publish") === undefined,
    at: Date.now(),
  }));
}

/** The same from a position, answered as a `resume` is. */
export function resumeSubscription(session: Session, wanted: Wanted & { position: Position }): Promise<void> {
  const { conversationId, re } = wanted;
  return join(session, wanted, (_access, position, recovered = false) => ({
    type: "resumed",
    ...(re === undefined ? {} : { re }),
    conversationId,
    recovered,
    position,
  }));
}

/** Subscribes to the live conversations of a login's positions; what can't be had is told. @throws CodedError `unavailable` */
export async function restoreSubscription(
  session: Session,
  wanted: { conversationId: string; position: Position },
): Promise<void> {
  try {
    await resumeSubscription(session, wanted);
  } catch (error) {
    if (!(error instanceof CodedError) || error.code === "unavailable") throw error;
    session.send({ type: "unsubscribed", conversationId: wanted.conversationId, code: error.code as ErrorCode });
  }
}

/** False if there was none. */
export function endSubscription(session: Session, conversationId: string): boolean {
  if (!session.subscriptions?.delete(conversationId)) return false;
  session.services.hub.leave(conversationId, session);
  return true;
}

/** The connection is gone. */
export function leaveSubscriptions(session: Session): void {
  for (const conversationId of session.subscriptions?.keys() ?? []) session.services.hub.leave(conversationId, session);
  session.subscriptions = undefined;
}

/** @throws CodedError `invalid_frame` */
export function requireLive(conversationId: string): void {
  if (!isLive(conversationId)) throw new CodedError("invalid_frame", "conversationId: not a live conversation");
}

async function join(session: Session, { conversationId, position }: Wanted, answer: Answer): Promise<void> {
  requireLive(conversationId);
  const { conversations, hub } = session.services;
  const access = await conversations.membership.authorize(session.userId, conversationId, "subscribe");
  begin(session, conversationId);
  const isWanted = () => session.subscriptions?.get(conversationId) === "joining";
  const give = async (events: FeedEvent[]) => {
    for (const event of events) {
      if (!isWanted()) return false;
      session.onEvent(event);
      // After each, for one page of long messages is more than may wait for a connection.
      await session.connection.drained();
    }
    return isWanted();
  };
  try {
    const joined = await hub.join(
      conversationId,
      session,
      position && {
        after: position,
        onResumed: (recovered, at) => session.send(answer(access, at, recovered)),
        onMissed: give,
      },
    );
    if (!position) session.send(answer(access, joined));
  } catch (error) {
    session.subscriptions?.delete(conversationId);
    throw error;
  }
  // Unsubscribed, or gone, meanwhile.
  if (!isWanted()) return hub.leave(conversationId, session);
  session.subscriptions?.set(conversationId, "joined");
  // Rights that were changed between the check and the joining: from now on changes are heard of.
  const now = await conversations.membership.of(conversationId);
  const code = now ? refusalOf(now, session.userId, "subscribe") : "conversation_not_found";
  if (code) session.onRevoked(conversationId, code);
}

function begin(session: Session, conversationId: string): void {
  if (session.state === "closed") throw new CodedError("unavailable", "the connection is gone");
  session.subscriptions ??= new Map();
  const { subscriptions, services } = session;
  const most = services.limits.subscriptions;
  if (subscriptions.get(conversationId) === "joining")
    throw new RateLimited("the connection is subscribing to this conversation already", RETRY_AFTER_MS);
  if (!subscriptions.has(conversationId) && subscriptions.size >= most)
    throw new CodedError("too_many_subscriptions", `a connection has at most ${most} live conversations at a time`);
  services.hub.leave(conversationId, session);
  subscriptions.set(conversationId, "joining");
}
