import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { type ClientFrame, CloseCode, ErrorCode, type Position, type ServerFrame } from "@chatcluster/protocol";
import { isLive } from "../conversation/conversation-id.ts";
import type { FeedEvent, Subscriber } from "../delivery/feed.ts";
import { OFFLINE_NOTICE } from "../directory/user-directory.ts";
import type { Connection } from "./connection.ts";
import { FrameError, parseBinaryFrame, parseFrame } from "./frame-parser.ts";
import { handlers } from "./handlers.ts";
import { takePublished } from "./interest.ts";
import { leave } from "./leave.ts";
import { ListFirst } from "./list-first.ts";
import { catchUp } from "./memberships.ts";
import { checkMessageSize } from "./message-size.ts";
import { OfflineFlush } from "./offline-flush.ts";
import { OutboundFrame } from "./outbound-frame.ts";
import { RateLimited } from "./rate-limiter.ts";
import type { SessionServices } from "./services.ts";
import { endSubscription, leaveSubscriptions } from "./subscriptions.ts";
import { Unacknowledged } from "./unacknowledged.ts";

/** From where a session follows a conversation. */
export interface Resume {
  after: Position;
  /** The request that asks for it. */
  re?: number;
  /** The client has got the position together with the conversation. */
  announced?: boolean;
}

/** Bad frames in a row after which a client is taken for broken. */
const MAX_BAD_FRAMES = 10;
/** Requests of one connection that may be under way. */
const MAX_IN_FLIGHT = 256;
/** Milliseconds after which a client tries again what failed because a dependency is away. */
const RETRY_AFTER_MS = 1_000;

const KNOWN_CODES = new Set<string>(Object.values(ErrorCode));

/**
 * One connection of one user, whatever carries it. The transport hands in what the client sent and tells when the connection is gone; the
 * session answers through {@link Connection}.
 */
export class Session implements Subscriber {
  readonly userId: string;
  readonly services: SessionServices;
  readonly connection: Connection;
  readonly offline: OfflineFlush;
  /** Conversations that the session follows, with what it has not acknowledged of each. */
  readonly following = new Map<string, Unacknowledged>();
  /** The user's channel is subscribed for this session. */
  subscribed = false;
  /** What is published reaches this session, and other servers know. */
  registered = false;
  /** The client's device; of a request over HTTP, the one whose streams and polls take up what it asks for. */
  deviceId: string | undefined;
  /** Live conversations, absent before the first: most sessions have none. */
  subscriptions: Map<string, "joining" | "joined"> | undefined;
  /** Has joined all that a login joins. */
  joined = false;
  /** What was published for the user while it joined may not have arrived. */
  missedUserEvents = false;
  /** From the login until the offline list has been sent. */
  #listFirst: ListFirst | undefined;
  state: "new" | "logging_in" | "live" | "closed" = "new";
  loginFailed = false;
  /** Sends are placed one after the other, so that they keep the order in which they came. */
  placing: Promise<unknown> = Promise.resolve();
  /** Conversations from which the user was removed before this login had joined them. */
  readonly #removals = new Set<string>();
  #badFrames = 0;
  #inFlight = 0;
  /** What comes before `welcome` is kept until after it. */
  #early: OutboundFrame[] = [];

  constructor(services: SessionServices, userId: string, connection: Connection) {
    this.services = services;
    this.userId = userId;
    this.connection = connection;
    this.offline = new OfflineFlush(this);
    services.registry.add(this);
  }

  /** Takes a text or binary frame of the client. Never rejects; resolves when all that answers it has been sent. */
  async receive(received: string | Uint8Array): Promise<void> {
    let frame: ClientFrame;
    try {
      frame = typeof received === "string" ? parseFrame(received) : parseBinaryFrame(received);
      this.#badFrames = 0;
    } catch (error) {
      this.#fail(error instanceof FrameError ? error.re : undefined, error);
      if (++this.#badFrames >= MAX_BAD_FRAMES)
        this.connection.close(CloseCode.ProtocolViolation, "too many bad frames in a row");
      return;
    }
    // A login is one of a connection, and a ping keeps it: both are worth more than they cost.
    const wait = frame.type === "login" || frame.type === "ping" ? 0 : this.services.frameLimiter.take(this.userId);
    if (wait > 0) {
      this.#fail(frame.id, new RateLimited("more requests per second than allowed", wait));
      return;
    }
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.#fail(frame.id, new CodedError("rate_limited", `more than ${MAX_IN_FLIGHT} requests under way`));
      return;
    }
    this.#inFlight++;
    await this.#handle(frame);
  }

  /** Takes note that the connection is gone. Resolves when nothing of it is left, and what it had not acknowledged is on the offline list. */
  async closed(): Promise<void> {
    if (this.state === "closed") return;
    this.state = "closed";
    this.services.topics.leaveAll(this);
    leaveSubscriptions(this);
    await leave(this);
  }

  send(frame: ServerFrame): void {
    this.sendEncoded(OutboundFrame.of(frame));
  }

  sendEncoded(frame: OutboundFrame): void {
    if (this.state === "live") this.connection.send(frame);
    else if (this.state !== "closed") this.#early.push(frame);
  }

  /** Answers the login, then sends what came meanwhile. */
  welcome(re: number): void {
    if (this.state === "closed") return;
    const { serverId, pingIntervalMs, pongTimeoutMs, limits } = this.services;
    this.state = "live";
    const { streamId } = this.connection;
    const stream = streamId === undefined ? {} : { streamId };
    const { userId } = this;
    this.send({ type: "welcome", re, userId, serverId, pingIntervalMs, pongTimeoutMs, limits, ...stream });
    for (const frame of this.#early) this.connection.send(frame);
    this.#early = [];
  }

  /** From now on what comes in these conversations waits for {@link sendOfflineList}. */
  expectOfflineList(conversationIds: readonly string[]): void {
    if (conversationIds.length > 0) this.#listFirst = new ListFirst(conversationIds);
  }

  /** Sends the offline list, then what has come meanwhile. */
  async sendOfflineList(): Promise<void> {
    await this.offline.flush();
    const waiting = this.#listFirst?.events ?? [];
    this.#listFirst = undefined;
    // What a connection that is closed has not been given is put back from the log.
    if (this.state !== "closed") for (const event of waiting) this.onEvent(event);
  }

  onEvent(event: FeedEvent): void {
    const { conversationId, change } = event;
    if (this.#listFirst?.concerns(event)) {
      if (!this.#listFirst.hold(event))
        this.connection.close(CloseCode.SlowConsumer, "too many events wait for the offline list");
      return;
    }
    // A change needs no acknowledgement: whoever missed it sees it in the history.
    this.following.get(conversationId)?.given(event, change !== undefined || event.senderId === this.userId);
    this.sendEncoded(event.frame);
    if (change?.type === "members_changed" && change.removed.includes(this.userId) && !isLive(conversationId))
      void this.checkMember(conversationId);
  }

  onGap(conversationId: string, position: Position, frame: OutboundFrame): void {
    this.following.get(conversationId)?.restart(position);
    this.sendEncoded(frame);
  }

  onRevoked(conversationId: string, code: ErrorCode): void {
    if (endSubscription(this, conversationId)) this.send({ type: "unsubscribed", conversationId, code });
  }

  /** What was published for the user. */
  onUserEvent(payload: string, encoded: OutboundFrame): void {
    if (payload === OFFLINE_NOTICE) {
      if (this.registered) void this.offline.flush();
      return;
    }
    if (payload.startsWith('{"type":"conversation_added"')) void this.#added(payload, encoded);
    else if (payload.startsWith('{"type":"conversation_removed"')) this.#removed(payload, encoded);
    else if (takePublished(this, payload)) return;
    else this.sendEncoded(encoded);
  }

  /** What was published for the user while the subscription was lost did not arrive. */
  onResubscribed(): void {
    if (this.state === "closed") return;
    if (!this.joined) {
      this.missedUserEvents = true;
      return;
    }
    void catchUp(this);
    void this.offline.flush();
  }

  /** Joins a conversation at its present position, or after another. Resolves when it is followed; rejects with `unavailable`. */
  async follow(conversationId: string, resume?: Resume): Promise<void> {
    if (this.following.has(conversationId)) return;
    const unacknowledged = new Unacknowledged(resume?.after ?? { epoch: "", offset: 0 });
    this.following.set(conversationId, unacknowledged);
    try {
      const position = await this.services.hub.join(
        conversationId,
        this,
        resume && this.#resumption(conversationId, resume),
      );
      if (!resume) unacknowledged.restart(position);
    } catch (error) {
      this.following.delete(conversationId);
      throw error;
    }
    if (this.state === "closed" && !this.registered) this.services.hub.leave(conversationId, this);
    // Removed while it was being joined.
    if (this.#removals.delete(conversationId)) await this.checkMember(conversationId);
  }

  unfollow(conversationId: string): void {
    this.services.hub.leave(conversationId, this);
    this.following.delete(conversationId);
  }

  #removed(payload: string, encoded: OutboundFrame): void {
    const { conversationId } = JSON.parse(payload) as { conversationId: string };
    if (isLive(conversationId)) this.sendEncoded(encoded);
    else if (this.state === "logging_in" && !this.following.has(conversationId)) this.#removals.add(conversationId);
    else void this.checkMember(conversationId);
  }

  /** Stops following, unless the user has been invited again: a resumed log tells of removals long past. */
  async checkMember(conversationId: string): Promise<void> {
    const { conversations, logger } = this.services;
    try {
      await conversations.membersFor(this.userId, conversationId);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== ErrorCode.ConversationNotFound) {
        logger.warn({ err: error, conversationId }, "membership not read");
        this.connection.close(CloseCode.Unavailable, "a dependency is away");
        return;
      }
      if (!this.following.has(conversationId)) return;
      this.unfollow(conversationId);
      this.services.typing.close(conversationId, this);
      this.send({ type: "conversation_removed", conversationId });
    }
  }

  #resumption(conversationId: string, { after, re, announced }: Resume) {
    return {
      after,
      onResumed: (recovered: boolean, position: Position) => {
        // Of a conversation that has just been added nothing is resumed, unless its beginning is lost already.
        if (announced && recovered) return;
        if (!recovered) this.following.get(conversationId)?.restart(position);
        this.send({ type: "resumed", ...(re === undefined ? {} : { re }), conversationId, recovered, position });
      },
      onMissed: async (events: FeedEvent[]) => {
        for (const event of events) {
          this.onEvent(event);
          // After each, for one page of long messages is more than may wait for a connection.
          await this.connection.drained();
        }
        return true;
      },
    };
  }

  async #added(payload: string, encoded: OutboundFrame): Promise<void> {
    const { conversation, position } = JSON.parse(payload) as { conversation: { id: string }; position: Position };
    if (this.following.has(conversation.id)) return;
    this.sendEncoded(encoded);
    if (isLive(conversation.id)) return;
    try {
      await this.follow(conversation.id, { after: position, announced: true });
    } catch (error) {
      this.services.logger.warn({ err: error, conversationId: conversation.id }, "new conversation not followed");
      this.connection.close(CloseCode.Unavailable, "a dependency is away");
    }
  }

  async #handle(frame: ClientFrame): Promise<void> {
    try {
      if (this.state === "closed") return;
      if (frame.type !== "login" && frame.type !== "ping" && this.state !== "live")
        throw new CodedError("login_required", "the first frame is a login, and its answer comes before the next");
      checkMessageSize(frame, this.services.limits);
      const answer = await (
        handlers[frame.type] as (session: Session, frame: ClientFrame) => Promise<ServerFrame | undefined>
      )(this, frame);
      if (answer) this.#answer(answer);
    } catch (error) {
      this.#fail(frame.id, error);
      // Half signed in is nothing that a client could go on with.
      if (this.loginFailed) this.connection.close(CloseCode.Unavailable, "a dependency is away");
    } finally {
      this.#inFlight--;
    }
  }

  /** Answers to `ping` and errors do not wait for `welcome`. */
  #answer(frame: ServerFrame): void {
    if (this.state !== "closed") this.connection.send(OutboundFrame.of(frame));
  }

  #fail(re: number | undefined, error: unknown): void {
    const code =
      error instanceof CodedError && KNOWN_CODES.has(error.code) ? (error.code as ErrorCode) : ErrorCode.Internal;
    const { logger } = this.services;
    if (code === ErrorCode.Internal) logger.error({ err: error, userId: this.userId, re }, "request failed");
    else if (code === ErrorCode.Unavailable) logger.debug({ err: error, userId: this.userId, re }, "request failed");
    const message = code === ErrorCode.Internal ? "the server failed; it is in its log" : messageOf(error);
    const retryAfterMs = code === ErrorCode.Unavailable ? RETRY_AFTER_MS : retryAfterOf(error);
    this.#answer({
      type: "error",
      ...(re === undefined ? {} : { re }),
      code,
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}

const retryAfterOf = (error: unknown) => (error instanceof RateLimited ? error.retryAfterMs : undefined);
