import { CodedError } from "@chatcluster/foundation/errors";
import type { Login } from "@chatcluster/protocol";
import { isLive } from "../conversation/conversation-id.ts";
import { catchUp, chatsOf, each, tellAdded, tellRemoved } from "./memberships.ts";
import type { Session } from "./session.ts";
import { restoreSubscription } from "./subscriptions.ts";

/**
 * Signs a session in. In this order, so that no message falls between (see `UserDirectory`): the user's channel; the conversations that the
 * client holds no position of, as they are now; the registration; `welcome`; the conversations that it does, those that it has never heard of, and
 * the live ones that it is subscribed to, from there on; the offline list; and what came meanwhile in those of the first kind.
 */
export async function login(session: Session, frame: Login): Promise<void> {
  if (session.state !== "new") throw new CodedError("already_logged_in", "this connection has logged in already");
  session.state = "logging_in";
  const positions = frame.positions ?? {};
  try {
    const ids = await session.services.logins.run(() => admit(session, frame));
    if (!ids) return;
    session.welcome(frame.id);
    tellRemoved(session, positions, new Set(ids));
    await each(
      ids.filter((id) => positions[id]),
      async (id) => {
        const after = positions[id];
        if (after) await session.follow(id, { after });
      },
    );
    if (frame.complete)
      await each(
        ids.filter((id) => !positions[id]),
        (id) => tellAdded(session, id),
      );
    await each(Object.keys(positions).filter(isLive), async (conversationId) => {
      const position = positions[conversationId];
      if (position) await restoreSubscription(session, { conversationId, position });
    });
    session.joined = true;
    if (session.missedUserEvents) void catchUp(session);
    await session.sendOfflineList();
  } catch (error) {
    session.loginFailed = true;
    if (isClosed(session)) abandon(session);
    throw error;
  }
}

/** All that comes before `welcome`. Returns the user's conversations; nothing if the connection has been closed, and nothing is left of it. */
async function admit(session: Session, { device, positions, complete, binary }: Login): Promise<string[] | undefined> {
  // While it waited for its turn.
  if (isClosed(session)) return void abandon(session);
  const { services, userId } = session;
  session.deviceId = device.id;
  if (binary) session.connection.useBinary?.();
  await services.stores.devices.save({ userId, deviceId: device.id, push: device.push });
  await services.broker.subscribeUser(userId);
  session.subscribed = true;
  const ids = await chatsOf(session);
  if (!complete) {
    const unplaced = ids.filter((id) => !positions?.[id]);
    session.expectOfflineList(unplaced);
    await each(unplaced, (id) => session.follow(id));
  }
  if (isClosed(session)) return void abandon(session);
  const first = !services.registry.isRegistered(userId);
  await services.directory.register(userId);
  session.registered = true;
  if (first) void services.presence.publishOnline(userId);
  if (isClosed(session)) return void (await late(session));
  return ids;
}

const isClosed = (session: Session) => session.state === "closed";

/** Closed before it was registered: `leave` ran while conversations were still being joined. */
function abandon(session: Session): void {
  const { hub, broker, registry } = session.services;
  for (const conversationId of session.following.keys()) hub.leave(conversationId, session);
  session.following.clear();
  if (session.subscribed) broker.unsubscribeUser(session.userId);
  session.subscribed = false;
  registry.remove(session);
}

/** Closed while it was being registered: nobody else takes the registration back. */
async function late(session: Session): Promise<void> {
  session.registered = false;
  if (!session.services.registry.isRegistered(session.userId))
    await session.services.directory.unregister(session.userId);
  abandon(session);
}
