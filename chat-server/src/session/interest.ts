import { CodedError } from "@chatcluster/foundation/errors";
import { ErrorCode, type Position, type Presence } from "@chatcluster/protocol";
import type { Session } from "./session.ts";
import { endSubscription, subscribe } from "./subscriptions.ts";

/** What a connection wants to be told of as long as it lives. The right to it has been checked. */
export type Interest =
  | { kind: "open" | "close" | "unsubscribe"; conversationId: string }
  | { kind: "subscribe"; conversationId: string; position?: Position }
  | { kind: "follow" | "unfollow"; userIds: string[] };

const PREFIX = '{"type":"interest"';

interface Published {
  interest: Interest;
  /** Absent: of all devices of the user. */
  deviceId?: string;
}

/**
 * Takes up an interest. A request over HTTP has no events of its own: the streams of its device, or all of its user's, take it up,
 * wherever they are.
 * @returns how those who are followed now are there, if it asks for that.
 */
export async function take(session: Session, interest: Interest): Promise<Presence[]> {
  if (session.registered) return apply(session, interest);
  const { broker, directory } = session.services;
  await broker.publishToUsers(
    [session.userId],
    JSON.stringify({ type: "interest", interest, deviceId: session.deviceId }),
  );
  return interest.kind === "follow" ? directory.presenceOf(interest.userIds) : [];
}

/** Takes what another session of the user published; false if it is something else. */
export function takePublished(session: Session, payload: string): boolean {
  if (!payload.startsWith(PREFIX)) return false;
  if (!session.registered) return true;
  const { interest, deviceId } = JSON.parse(payload) as Published;
  if (deviceId !== undefined && deviceId !== session.deviceId) return true;
  apply(session, interest).then(
    (presences) => {
      // The answer to the request may be older than the subscription.
      for (const presence of presences) session.send({ type: "presence", presence });
    },
    (error: unknown) => {
      session.services.logger.debug({ err: error, userId: session.userId }, "interest not taken up");
      if (interest.kind === "subscribe")
        session.send({ type: "unsubscribed", conversationId: interest.conversationId, code: codeOf(error) });
    },
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
    case "subscribe":
      await subscribe(session, interest);
      return [];
    case "unsubscribe":
      endSubscription(session, interest.conversationId);
      // To the connections that took it up from a request: that one has its own answer.
      session.send({ type: "unsubscribed", conversationId: interest.conversationId });
      return [];
    case "follow":
      return presence.subscribe(interest.userIds, session);
    case "unfollow":
      presence.unsubscribe(interest.userIds, session);
      return [];
  }
}

const codeOf = (error: unknown): ErrorCode =>
  error instanceof CodedError ? (error.code as ErrorCode) : ErrorCode.Internal;
