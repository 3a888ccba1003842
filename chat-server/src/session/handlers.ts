import { CodedError } from "@chatcluster/foundation/errors";
import type { ChangeFrame, ClientFrame, Publish, Send, ServerFrame } from "@chatcluster/protocol";
import { isLive } from "../conversation/conversation-id.ts";
import { take } from "./interest.ts";
import { login } from "./login.ts";
import { RateLimited } from "./rate-limiter.ts";
import type { Session } from "./session.ts";
import { noteSignOfLife, publishSignOfLife } from "./signs-of-life.ts";
import { endSubscription, requireLive, resumeSubscription, subscribe } from "./subscriptions.ts";

type Handlers = {
  [Type in ClientFrame["type"]]: (
    session: Session,
    frame: Extract<ClientFrame, { type: Type }>,
  ) => Promise<ServerFrame | undefined>;
};

const DEFAULT_PAGE = 50;

/** Changes count as messages do. */
async function change(session: Session, { id }: ChangeFrame, work: () => Promise<void>): Promise<ServerFrame> {
  limit(session);
  await work();
  return { type: "ok", re: id };
}

function limit({ services, userId }: Session): void {
  const wait = services.rateLimiter.take(userId);
  if (wait > 0) throw new RateLimited("more messages per second than allowed", wait);
}

/** What only the members of a chat have. */
function chatOnly(conversationId: string, what: string): void {
  if (isLive(conversationId)) throw new CodedError("forbidden", `a live conversation has no ${what}`);
}

async function sendMessage(session: Session, frame: Send | Publish): Promise<ServerFrame> {
  const { sender, onSent } = session.services;
  limit(session);
  const started = performance.now();
  const placed = session.placing.then(() => sender.place(session.userId, frame));
  session.placing = placed.catch(() => undefined);
  const { id: messageId, sentAt } = await sender.finish(await placed);
  onSent((performance.now() - started) / 1_000);
  const { conversationId, clientId } = frame;
  return { type: "sent", re: frame.id, conversationId, clientId, messageId, sentAt };
}

/** What each frame does, and its answer. */
export const handlers: Handlers = {
  async login(session, frame) {
    await login(session, frame);
    return undefined;
  },

  async ping(session, { id, streamId }) {
    const { services, userId } = session;
    if (streamId !== undefined && !noteSignOfLife(services.registry, userId, streamId)) {
      limit(session);
      await publishSignOfLife(services, userId, streamId);
    }
    return { type: "pong", re: id };
  },

  async create_conversation(session, frame) {
    const created = await session.services.conversations.create(session.userId, frame);
    if (frame.kind !== "live")
      await session.follow(created.conversation.id, { after: created.position, announced: true });
    return { type: "conversation", re: frame.id, ...created };
  },

  async list_conversations(session, { id, after, limit }) {
    const { items, nextAfter } = await session.services.conversations.list(
      session.userId,
      after,
      limit ?? DEFAULT_PAGE,
    );
    await session.offline.resumedFromHistory();
    return { type: "conversations", re: id, conversations: items, ...(nextAfter === undefined ? {} : { nextAfter }) };
  },

  send: sendMessage,
  publish: sendMessage,

  async subscribe(session, { id, conversationId, position }) {
    limit(session);
    if (session.registered) {
      await subscribe(session, { conversationId, re: id, ...(position ? { position } : {}) });
      return undefined;
    }
    requireLive(conversationId);
    await session.services.conversations.membership.authorize(session.userId, conversationId, "subscribe");
    await take(session, { kind: "subscribe", conversationId, ...(position ? { position } : {}) });
    return { type: "ok", re: id };
  },

  async unsubscribe(session, { id, conversationId }) {
    if (session.registered) endSubscription(session, conversationId);
    else await take(session, { kind: "unsubscribe", conversationId });
    return { type: "ok", re: id };
  },

  async fetch_history(session, { id, conversationId, before, after, limit }) {
    if (before !== undefined && after !== undefined) throw new CodedError("invalid_frame", "before: excludes after");
    await session.services.conversations.membership.authorize(session.userId, conversationId, "subscribe");
    const query = { conversationId, before, after, limit: limit ?? DEFAULT_PAGE };
    return { type: "history", re: id, conversationId, ...(await session.services.log.history(query)) };
  },

  async resume(session, { id, conversationId, position }) {
    if (isLive(conversationId)) {
      await resumeSubscription(session, { conversationId, position, re: id });
      return undefined;
    }
    await session.services.conversations.membersFor(session.userId, conversationId);
    session.unfollow(conversationId);
    await session.follow(conversationId, { after: position, re: id });
    return undefined;
  },

  async receipt(session, frame) {
    chatOnly(frame.conversationId, "receipts");
    await session.services.receipts.advance(session.userId, frame);
    const { conversationId, upTo } = frame;
    session.following.get(conversationId)?.acknowledged(upTo);
    await session.offline.acknowledge(conversationId, upTo);
    return { type: "ok", re: frame.id };
  },

  async open_conversation(session, { id, conversationId }) {
    chatOnly(conversationId, "typing");
    await session.services.conversations.membersFor(session.userId, conversationId);
    await take(session, { kind: "open", conversationId });
    return { type: "ok", re: id };
  },

  async close_conversation(session, { id, conversationId }) {
    await take(session, { kind: "close", conversationId });
    return { type: "ok", re: id };
  },

  async typing(session, { id, conversationId, active }) {
    chatOnly(conversationId, "typing");
    limit(session);
    await session.services.conversations.membersFor(session.userId, conversationId);
    await session.services.typing.tell(conversationId, session.userId, active);
    return { type: "ok", re: id };
  },

  async subscribe_presence(session, { id, conversationId, userIds }) {
    limit(session);
    const members = await session.services.conversations.membersFor(session.userId, conversationId);
    const foreign = userIds.find((userId) => !members.has(userId));
    if (foreign !== undefined) throw new CodedError("invalid_frame", `userIds: ${foreign} is no member`);
    return { type: "presences", re: id, presences: await take(session, { kind: "follow", userIds }) };
  },

  async unsubscribe_presence(session, { id, userIds }) {
    await take(session, { kind: "unfollow", userIds });
    return { type: "ok", re: id };
  },

  invite: (session, frame) => change(session, frame, () => session.services.groups.invite(session.userId, frame)),

  async leave(session, frame) {
    return change(session, frame, async () => {
      try {
        await session.services.groups.leave(session.userId, frame);
      } catch (error) {
        // A retry of one that was done finds no member any more. Says nothing about foreign conversations either.
        if (!(error instanceof CodedError && error.code === "conversation_not_found")) throw error;
      }
    });
  },

  remove_member: (session, frame) =>
    change(session, frame, () => session.services.groups.remove(session.userId, frame)),

  set_role: (session, frame) => change(session, frame, () => session.services.groups.setRole(session.userId, frame)),

  rename: (session, frame) => change(session, frame, () => session.services.groups.rename(session.userId, frame)),

  set_rights: (session, frame) =>
    change(session, frame, () => session.services.groups.setRights(session.userId, frame)),

  edit_message: (session, frame) =>
    change(session, frame, () => session.services.messageChanges.edit(session.userId, frame)),

  delete_message: (session, frame) =>
    change(session, frame, () => session.services.messageChanges.delete(session.userId, frame)),
};
