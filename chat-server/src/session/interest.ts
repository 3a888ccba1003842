import type { Presence } from "@chatcluster/protocol";
import type { Session } from "./session.ts";

/** What a connection wants to be told of as long as it lives. The right to it has been checked. */
export type Interest =
  | { kind: "open" | "close"; conversationId: string }
  | { kind: "follow" | "unfollow"; userIds: string[] };

const PREFIX = '{"type":"interest"';

/**
 * Takes up an interest. A request over HTTP has no events of its own: its user's streams take it up, wherever they are.
 * @returns how those who are followed now are there, if it asks for that.
 */
export async function take(session: Session, interest: Interest): Promise<Presence[]> {
  if (session.registered) return apply(session, interest);
  const { broker, directory } = session.services;
  await broker.publishToUsers([session.userId], JSON.stringify({ type: "interest", interest }));
  return interest.kind === "follow" ? directory.presenceOf(interest.userIds) : [];
}

/** Takes what another session of the user published; false if it is something else. */
export function takePublished(session: Session, payload: string): boolean {
  if (!payload.startsWith(PREFIX)) return false;
  if (!session.registered) return true;
  const { interest } = JSON.parse(payload) as { interest: Interest };
  apply(session, interest).then(
    (presences) => {
      // The answer to the request may be older than the subscription.
      for (const presence of presences) session.send({ type: "presence", presence });
    },
    (error: unknown) => session.services.logger.debug({ err: error, userId: session.userId }, "interest not taken up"),
  );
  return true;
}

async function apply(session: Session, interest: Interest): Promise<Presence[]> {
  const { typing, presence } = session.services;
  switch (interest.kind) {
    case "open":
      await typing.open(interest.conversationId, session);
      return [];
    case "close":
      typing.close(interest.conversationId, session);
      return [];
    case "follow":
      return presence.subscribe(interest.userIds, session);
    case "unfollow":
      presence.unsubscribe(interest.userIds, session);
      return [];
  }
}
