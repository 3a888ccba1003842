import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { CloseCode } from "@chatcluster/protocol";
import { createAdminServer } from "./admin/admin-server.ts";
import { Metrics } from "./admin/metrics.ts";
import { TokenVerifier } from "./auth/token-verifier.ts";
import { createBackend } from "./backend.ts";
import { timeOf } from "./broker/message-id.ts";
import type { Config } from "./config.ts";
import { ConversationLog } from "./conversation/conversation-log.ts";
import { Conversations } from "./conversation/conversations.ts";
import { Groups } from "./conversation/groups.ts";
import { LogChanges } from "./conversation/log-changes.ts";
import { Membership } from "./conversation/membership.ts";
import { MessageChanges } from "./conversation/message-changes.ts";
import { MessageSender } from "./conversation/message-sender.ts";
import { OfflineDelivery } from "./conversation/offline-delivery.ts";
import { Receipts } from "./conversation/receipts.ts";
import { ReservationRecovery } from "./conversation/reservation-recovery.ts";
import { UnreadCounts } from "./conversation/unread-counts.ts";
import { FeedHub } from "./delivery/feed-hub.ts";
import { PresenceWatch } from "./delivery/presence-watch.ts";
import { Revocation } from "./delivery/revocation.ts";
import { Topics } from "./delivery/topics.ts";
import { Typing } from "./delivery/typing.ts";
import { Drain } from "./drain.ts";
import { pushDevices } from "./push/devices.ts";
import { Push } from "./push/push.ts";
import { OutboundFrame } from "./session/outbound-frame.ts";
import { RateLimiter } from "./session/rate-limiter.ts";
import { Semaphore } from "./session/semaphore.ts";
import type { SessionServices } from "./session/services.ts";
import { SessionRegistry } from "./session/session-registry.ts";
import { takeSignOfLife } from "./session/signs-of-life.ts";
import { takeAcknowledgement } from "./transport/http/acknowledgements.ts";
import { HttpTransports } from "./transport/http/http-transports.ts";
import { createPublicServer } from "./transport/public-server.ts";
import { SessionHost } from "./transport/session-host.ts";
import { WebSocketTransport } from "./transport/websocket.ts";
import { FigureSampler } from "./web/dashboard/figure-sampler.ts";
import { LiveEvents } from "./web/dashboard/live-events.ts";

const CLOSE_TIMEOUT_MS = 5_000;
/** When the clients of a dead server come all at once, each waits its turn rather than all for stores that answer none in time. */
const LOGINS_AT_ONCE = 64;

export interface ChatServer {
  readonly port: number;
  readonly adminPort: number;
  /** Moves the clients over `seconds`, then ends everything. */
  stop(seconds: number): Promise<void>;
}

/** Starts a chat server. Resolves when its ports are open, whether or not what it stands on is there yet (`/readyz` tells). */
export async function startChatServer(
  config: Config,
  jwtSecret: string | undefined,
  logger: Logger,
): Promise<ChatServer> {
  const registry = new SessionRegistry();
  const metrics = new Metrics(() => host.connections);
  const { broker, directory, figures, stores, pushQueue } = createBackend(config, metrics, logger);
  const push = await Push.create({
    config,
    queue: pushQueue,
    devices: pushDevices(stores.devices),
    unread: new UnreadCounts({ stores, directory }),
    registry: metrics.registry,
    logger,
  });

  const log = new ConversationLog(broker, stores.messages);
  const membership = new Membership(
    stores.conversations,
    (conversationId) => hub.feed(conversationId)?.live === true && broker.problem() === undefined,
  );
  const conversations = new Conversations({ stores, log, broker, membership, maxMembers: config.maxMembers });
  const offline = new OfflineDelivery(
    directory,
    (userId) => registry.isRegistered(userId),
    (userIds, body) => push.notify(userIds, body),
  );
  const recovery = new ReservationRecovery(
    { broker, stores, conversations, offline, logger },
    config.reservationTimeoutMs,
  );
  const hub = new FeedHub({
    broker,
    log,
    logger,
    onPending: (conversationId) => recovery.watch(conversationId),
    onDelivered: (count) => metrics.deliveries.inc(count),
    onEnded: (conversationId) => membership.forget(conversationId),
  });
  const sender = new MessageSender({
    broker,
    stores,
    log,
    conversations,
    offline,
    recovery,
    logger,
    onLive: (conversationId) => hub.keep(conversationId),
  });
  const revocation = new Revocation(hub, membership, logger);
  const receipts = new Receipts({ stores, broker, hub, conversations });
  const topics = new Topics(broker);
  const typing = new Typing(topics);
  const presence = new PresenceWatch(topics, directory, logger);
  const changes = new LogChanges({ broker, log, recovery });
  const services: SessionServices = {
    serverId: config.serverId,
    pingIntervalMs: config.pingIntervalMs,
    pongTimeoutMs: config.pongTimeoutMs,
    limits: {
      textLength: config.maxTextLength,
      dataBytes: config.maxDataBytes,
      members: config.maxMembers,
      subscriptions: config.maxSubscriptions,
    },
    broker,
    stores,
    directory,
    log,
    conversations,
    sender,
    topics,
    typing,
    presence,
    groups: new Groups({ stores, broker, directory, log, conversations, changes, maxMembers: config.maxMembers }),
    messageChanges: new MessageChanges({ stores, conversations, changes }),
    receipts,
    hub,
    registry,
    rateLimiter: new RateLimiter(config.messagesPerSecond),
    logins: new Semaphore(LOGINS_AT_ONCE),
    frameLimiter: new RateLimiter(config.requestsPerSecond),
    logger,
    notify: (userIds, body) => push.notify(userIds, body),
    onSent: (seconds) => {
      metrics.messages.inc();
      metrics.sendSeconds.observe(seconds);
    },
    onDelivered: () => metrics.deliveries.inc(),
  };

  const verifier = new TokenVerifier({
    secret: jwtSecret,
    jwksUrl: config.jwksUrl,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
  });
  const host = new SessionHost(verifier, services, config);
  const webSocket = new WebSocketTransport(host, {
    ...config,
    onSlowConsumer: () => metrics.slowConsumers.inc(),
    logger,
  });
  const httpTransports = new HttpTransports(host, { ...config, onSlow: () => metrics.slowConsumers.inc(), logger });
  const drain = new Drain(host, registry);
  const admin = createAdminServer(
    {
      serverId: config.serverId,
      registry: metrics.registry,
      missing: () =>
        [broker.problem(), stores.problem(), drain.active ? "draining" : undefined].filter((p) => p !== undefined),
      connections: () => host.connections,
      draining: () => drain.active,
      drain: (seconds) => void drain.start(seconds),
    },
    config.adminToken,
  );
  // Without a secret or key server of its own the embedded default makes one, and lets everybody at this machine sign in.
  const ownSecret = config.backend === "embedded" && config.jwtSecret === undefined && config.jwksUrl === undefined;
  const http = createPublicServer(webSocket, {
    developmentSecret: ownSecret ? jwtSecret : undefined,
    dashboard: config.dashboard,
  });
  const live =
    config.dashboard === "off"
      ? undefined
      : new LiveEvents({
          sampler: new FigureSampler(config.serverId, metrics, () => host.connections),
          board: figures,
          authorize: config.dashboard === "token" ? (token) => verifier.verify(token) : undefined,
          logger,
        });
  live?.route(http);
  await httpTransports.routes(http);

  await broker.start({
    onEvent: (conversationId, event) => {
      metrics.deliverySeconds.observe(Math.max(0, Date.now() - timeOf(event.messageId)) / 1_000);
      hub.onEvent(conversationId, event);
    },
    onHeld: (conversationId) => recovery.watch(conversationId),
    onTopic: (topic, payload) => void (typing.take(topic, payload) || presence.take(topic, payload)),
    onInvalidated: (conversationId) => {
      membership.forget(conversationId);
      void revocation.check(conversationId);
    },
    onUserEvent: (userId, payload) => {
      if (takeAcknowledgement(registry, userId, payload) || takeSignOfLife(registry, userId, payload)) return;
      const encoded = new OutboundFrame(payload);
      for (const session of registry.ofUser(userId)) session.onUserEvent(payload, encoded);
    },
    onResubscribed: ({ conversationIds, userIds }) => {
      for (const conversationId of conversationIds) membership.forget(conversationId);
      hub.onResubscribed(conversationIds);
      for (const conversationId of conversationIds) void revocation.check(conversationId);
      for (const userId of userIds) for (const session of registry.ofUser(userId)) session.onResubscribed();
    },
  });
  await stores.start();
  await directory.start();
  push.start();
  const renewal = setInterval(
    () => {
      directory.renew(registry.registeredUsers()).catch((error: unknown) => {
        logger.warn({ err: messageOf(error) }, "registrations not renewed");
      });
    },
    Math.min(directory.ttlMs / 3, 2 ** 30),
  );

  await admin.listen({ host: config.host, port: config.adminPort });
  await http.listen({ host: config.host, port: config.port });

  return {
    port: portOf(http.server.address()),
    adminPort: portOf(admin.server.address()),
    async stop(seconds) {
      await drain.start(seconds);
      await host.close(CloseCode.Draining, "the server ends", CLOSE_TIMEOUT_MS);
      webSocket.close();
      httpTransports.close();
      live?.close();
      clearInterval(renewal);
      presence.close();
      recovery.close();
      hub.close();
      await http.close();
      await push.close();
      await directory.close();
      await broker.close();
      await stores.close();
      await admin.close();
    },
  };
}

function portOf(address: ReturnType<import("node:net").Server["address"]>): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
