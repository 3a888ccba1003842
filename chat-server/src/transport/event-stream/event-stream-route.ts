import { CodedError } from "@chatcluster/foundation/errors";
import { CloseCode, ErrorCode, type Login, type Position } from "@chatcluster/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { parseFrame } from "../../session/frame-parser.ts";
import type { Session } from "../../session/session.ts";
import { identityOf } from "../http/request-identity.ts";
import type { SessionHost } from "../session-host.ts";
import { EventStreamConnection, StreamFlusher } from "./event-stream-connection.ts";
import { parseCursor } from "./stream-cursor.ts";

export const EVENTS_PATH = "/events";
/** Bytes of a login with all the positions that it may carry. */
export const MAX_LOGIN_BYTES = 262_144;
/** Milliseconds that an `EventSource` waits before it comes back; spread, so that not all come at once. */
const RETRY_MS = { least: 1_000, spread: 2_000 };
const TICK_MS = 1_000;
/** Milliseconds that a client which is sent away because it can't show that it is there has to come back before it counts as gone. */
const MAX_LINGER_MS = 10_000;

export interface EventStreamOptions {
  maxBufferedBytes: number;
  onSlow: () => void;
  pingIntervalMs: number;
  pongTimeoutMs: number;
  /** Milliseconds for which a stream is kept whose client has never sent a ping for it. */
  mutePatienceMs: number;
}

interface Stream {
  connection: EventStreamConnection;
  session: Session;
  heartbeatAt: number;
  expiresAt: number;
  /** The client is one that pings, as all that open a stream by `POST` do. */
  pings: boolean;
  /** Closed, but the session waits until then for the client to come back. */
  lingersUntil?: number;
}

/** `GET /events` for an `EventSource`, whose state is its cursor; `POST /events` with a `login` frame for clients that keep positions. */
export class EventStreams {
  readonly #host: SessionHost;
  readonly #options: EventStreamOptions;
  /** Milliseconds between two comments: two in the time that a client waits for one. */
  readonly #heartbeatMs: number;
  /** Milliseconds without a ping after which a client that pings is gone. A hidden page's timers run once a minute, so one may be missing. */
  readonly #patienceMs: number;
  readonly #flusher = new StreamFlusher();
  readonly #streams = new Set<Stream>();
  /** One timer for all streams. */
  readonly #timer: NodeJS.Timeout;

  constructor(host: SessionHost, options: EventStreamOptions) {
    this.#host = host;
    this.#options = options;
    this.#heartbeatMs = options.pingIntervalMs / 2;
    this.#patienceMs = 2 * options.pingIntervalMs + options.pongTimeoutMs;
    const tick = Math.min(TICK_MS, Math.ceil(this.#heartbeatMs / 4));
    this.#timer = setInterval(() => this.#tick(Date.now()), tick).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  route(app: FastifyInstance): void {
    app.get(EVENTS_PATH, (request, reply) => this.#open(request, reply, false, () => loginOfQuery(request)));
    app.post<{ Body: string }>(EVENTS_PATH, { bodyLimit: MAX_LOGIN_BYTES }, (request, reply) =>
      this.#open(request, reply, true, () => ({ login: loginOfBody(request.body), complete: true })),
    );
  }

  async #open(
    request: FastifyRequest,
    reply: import("fastify").FastifyReply,
    pings: boolean,
    read: () => { login: Login; complete: boolean },
  ): Promise<void> {
    const { userId, expiresAt } = await identityOf(request, this.#host);
    const { login, complete } = read();
    this.#host.admit(userId);
    const cors = reply.getHeaders();
    reply.hijack();
    const response = reply.raw;
    if (response.destroyed) return;
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, this.#heartbeatMs);
    response.writeHead(200, {
      ...(cors as Record<string, string>),
      "content-type": "text/event-stream",
      "cache-control": "no-store, no-transform",
      // nginx and others that follow it would keep events back until a buffer is full.
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${Math.floor(RETRY_MS.least + Math.random() * RETRY_MS.spread)}\n:\n\n`);
    const connection = new EventStreamConnection(response, { flusher: this.#flusher, ...this.#options });
    const session = this.#host.open(userId, connection);
    const heartbeatAt = Date.now() + this.#heartbeatMs * (0.5 + Math.random() / 2);
    const stream: Stream = { connection, session, heartbeatAt, expiresAt, pings };
    this.#streams.add(stream);
    // A socket that breaks shows as "close" as well.
    response.on("error", () => response.destroy());
    response.on("close", () => {
      connection.close(1006, "the peer is gone");
      if (stream.lingersUntil === undefined) this.#end(stream);
    });
    connection.onWelcome = () => [...known(session), ...Object.entries(login.positions ?? {})];
    await session.receive(JSON.stringify(login));
    if (!complete) session.send({ type: "offline_overflow" });
  }

  #tick(now: number): void {
    // What came to other servers meanwhile did not get here.
    const isDeaf = this.#host.services.broker.problem() !== undefined;
    for (const stream of this.#streams) {
      const { connection, lingersUntil } = stream;
      if (isDeaf) connection.seenAt = now;
      if (lingersUntil !== undefined) {
        if (now >= lingersUntil || !this.#host.admits) this.#end(stream);
      } else if (now >= stream.expiresAt) connection.close(CloseCode.Unauthenticated, "the token has expired");
      else if (now - connection.seenAt >= this.#patience(stream)) this.#giveUp(stream, now);
      else this.#beat(stream, now);
    }
  }

  #patience({ pings, connection }: Stream): number {
    return pings || connection.hasPinged ? this.#patienceMs : this.#options.mutePatienceMs;
  }

  /** Nobody has shown for too long that the stream is read. Who had no way to show it is only asked to come again. */
  #giveUp(stream: Stream, now: number): void {
    const { pings, connection } = stream;
    const isMute = !pings && !connection.hasPinged;
    if (isMute) stream.lingersUntil = now + Math.min(MAX_LINGER_MS, this.#options.mutePatienceMs);
    connection.close(CloseCode.PongTimeout, "no ping in time");
    // Not only when the socket has ended, which a dead peer's does not soon.
    if (!isMute) this.#end(stream);
  }

  #beat(stream: Stream, now: number): void {
    if (now < stream.heartbeatAt) return;
    stream.heartbeatAt = now + this.#heartbeatMs;
    stream.connection.heartbeat();
  }

  #end(stream: Stream): void {
    this.#streams.delete(stream);
    this.#host.ended(stream.session);
  }
}

/** Where the session joined the conversations of which the client had no position. */
function known(session: Session): [string, Position][] {
  return [...session.following].map(([conversationId, { from }]) => [conversationId, from]);
}

/** `device` names the device; the cursor is what the browser kept of the last event, or `cursor` for the first request of a new page. */
function loginOfQuery(request: FastifyRequest): { login: Login; complete: boolean } {
  const query = new URL(request.raw.url ?? "/", "http://chat").searchParams;
  const header = request.headers["last-event-id"];
  const cursor = parseCursor((Array.isArray(header) ? header[0] : header) ?? query.get("cursor") ?? "");
  if (!cursor) throw new CodedError(ErrorCode.InvalidFrame, "Last-Event-ID: not an id of this server's events");
  const { positions, complete } = cursor;
  return { login: loginOfBody(JSON.stringify(loginFrame(query.get("device"), positions))), complete };
}

const loginFrame = (deviceId: string | null, positions: Record<string, Position>) => ({
  type: "login",
  id: 0,
  device: { ...(deviceId === null ? {} : { id: deviceId }) },
  ...(Object.keys(positions).length > 0 ? { positions } : {}),
});

/** @throws FrameError as for any frame, and for a frame of another type. */
export function loginOfBody(body: string): Login {
  const frame = parseFrame(body ?? "");
  if (frame.type !== "login") throw new CodedError(ErrorCode.LoginRequired, "body: the first frame is a login");
  return frame;
}
