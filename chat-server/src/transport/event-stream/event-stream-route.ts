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
/** Milliseconds between two signs of life on a stream. */
export const HEARTBEAT_MS = 15_000;
/** Milliseconds that an `EventSource` waits before it comes back; spread, so that not all come at once. */
const RETRY_MS = { least: 1_000, spread: 2_000 };
const TICK_MS = 1_000;

interface Stream {
  connection: EventStreamConnection;
  heartbeatAt: number;
  expiresAt: number;
}

/** `GET /events` for an `EventSource`, whose state is its cursor; `POST /events` with a `login` frame for clients that keep positions. */
export class EventStreams {
  readonly #host: SessionHost;
  readonly #options: { maxBufferedBytes: number; onSlow: () => void };
  readonly #flusher = new StreamFlusher();
  readonly #streams = new Set<Stream>();
  /** One timer for all streams. */
  readonly #timer = setInterval(() => this.#tick(Date.now()), TICK_MS).unref();

  constructor(host: SessionHost, options: { maxBufferedBytes: number; onSlow: () => void }) {
    this.#host = host;
    this.#options = options;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  route(app: FastifyInstance): void {
    app.get(EVENTS_PATH, (request, reply) => this.#open(request, reply, () => loginOfQuery(request)));
    app.post<{ Body: string }>(EVENTS_PATH, { bodyLimit: MAX_LOGIN_BYTES }, (request, reply) =>
      this.#open(request, reply, () => ({ login: loginOfBody(request.body), complete: true })),
    );
  }

  async #open(
    request: FastifyRequest,
    reply: import("fastify").FastifyReply,
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
    response.socket?.setKeepAlive(true, HEARTBEAT_MS);
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
    const stream = { connection, heartbeatAt: Date.now() + HEARTBEAT_MS * (0.5 + Math.random() / 2), expiresAt };
    this.#streams.add(stream);
    // A socket that breaks shows as "close" as well.
    response.on("error", () => response.destroy());
    response.on("close", () => {
      this.#streams.delete(stream);
      connection.close(1006, "the peer is gone");
      this.#host.ended(session);
    });
    connection.onWelcome = () => [...known(session), ...Object.entries(login.positions ?? {})];
    await session.receive(JSON.stringify(login));
    if (!complete) session.send({ type: "offline_overflow" });
  }

  #tick(now: number): void {
    for (const stream of this.#streams) {
      if (now >= stream.expiresAt) stream.connection.close(CloseCode.Unauthenticated, "the token has expired");
      else if (now >= stream.heartbeatAt) {
        stream.heartbeatAt = now + HEARTBEAT_MS;
        stream.connection.heartbeat();
      }
    }
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
