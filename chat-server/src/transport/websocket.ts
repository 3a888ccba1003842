import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { CloseCode, MAX_FRAME_BYTES } from "@chatcluster/protocol";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Identity, TokenVerifier } from "../auth/token-verifier.ts";
import type { SessionServices } from "../session/services.ts";
import { Session } from "../session/session.ts";
import { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { isToldByFrame, refuseSession } from "./refused-session.ts";
import { tokenOf } from "./token.ts";
import { refuseUpgrade } from "./upgrade-refusal.ts";
import { WebSocketConnection, WriteJoiner } from "./websocket-connection.ts";

export const CHAT_PATH = "/chat";
/** Milliseconds that a peer has for its side of the closing handshake. */
const CLOSE_TIMEOUT_MS = 5_000;
/** The same for one that was never admitted, and how many of those there may be at a time; others are refused as HTTP. */
const REFUSED_TIMEOUT_MS = 1_000;
const MAX_REFUSED = 1_000;

/** How RFC 6455 is served. One message may come in as many fragments as ws allows by default, which bounds what its pieces cost. */
export const WEB_SOCKET_SERVER_OPTIONS: ServerOptions = {
  noServer: true,
  maxPayload: MAX_FRAME_BYTES,
  perMessageDeflate: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
};

export interface WebSocketOptions extends HeartbeatOptions {
  maxConnections: number;
  maxConnectionsPerUser: number;
  maxBufferedBytes: number;
  onSlowConsumer: () => void;
  logger: Logger;
}

/** Carries sessions over WebSocket (RFC 6455): one text frame is one frame of the protocol. */
export class WebSocketTransport {
  readonly #server = new WebSocketServer(WEB_SOCKET_SERVER_OPTIONS);
  /** Its own, so that those who are refused are neither counted nor waited for. */
  readonly #refusing = new WebSocketServer({ ...WEB_SOCKET_SERVER_OPTIONS, closeTimeout: REFUSED_TIMEOUT_MS });
  readonly #heartbeat: Heartbeat;
  readonly #joiner = new WriteJoiner();
  readonly #verifier: TokenVerifier;
  readonly #services: SessionServices;
  readonly #options: WebSocketOptions;
  /** Resolved when a session has left; a shutdown waits for them. */
  readonly #leaving = new Set<Promise<void>>();
  #open = 0;
  #refusal: string | undefined;

  constructor(verifier: TokenVerifier, services: SessionServices, options: WebSocketOptions) {
    this.#verifier = verifier;
    this.#services = services;
    this.#options = options;
    this.#heartbeat = new Heartbeat(options);
  }

  /** Open connections, signed in or not. */
  get connections(): number {
    return this.#open;
  }

  /** Refuses new connections from now on, with this reason. */
  refuse(reason: string): void {
    this.#refusal = reason;
  }

  /**
   * For the HTTP server's `upgrade` event. A WebSocket that is not admitted is told so by an `error` frame and a close code; what is no
   * WebSocket gets an HTTP answer with `{code, message}`.
   */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = () => socket.destroy();
    socket.on("error", gone);
    try {
      const identity = await this.#admit(request);
      if (socket.destroyed) return;
      socket.off("error", gone);
      this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, identity));
    } catch (error) {
      if (socket.destroyed) return;
      if (!isToldByFrame(error) || !isHandshake(request) || this.#refusing.clients.size >= MAX_REFUSED)
        return refuseUpgrade(socket, error, this.#options.logger);
      socket.off("error", gone);
      this.#refusing.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("error", (cause) => this.#options.logger.debug({ err: messageOf(cause) }, "refused one failed"));
        refuseSession(webSocket, error);
      });
    }
  }

  /** Closes what is open. Resolves when every session has left, or at the end of `timeoutMs`. */
  async close(code: number, reason: string, timeoutMs: number): Promise<void> {
    for (const session of this.#services.registry.all()) session.connection.close(code, reason);
    const deadline = Date.now() + timeoutMs;
    while ((this.#open > 0 || this.#leaving.size > 0) && Date.now() < deadline) {
      await Promise.race([Promise.all(this.#leaving), new Promise((resolve) => setTimeout(resolve, 50))]);
      if (this.#open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const webSocket of [...this.#server.clients, ...this.#refusing.clients]) webSocket.terminate();
    this.#heartbeat.stop();
  }

  async #admit(request: IncomingMessage): Promise<Identity> {
    const url = new URL(request.url ?? "/", "http://chat");
    if (url.pathname !== CHAT_PATH) throw new CodedError("not_found", `WebSocket is served at ${CHAT_PATH}`);
    if (this.#refusal !== undefined) throw new CodedError("unavailable", this.#refusal);
    if (this.#open >= this.#options.maxConnections)
      throw new CodedError("unavailable", "the server has as many connections as it may");
    const identity = await this.#verifier.verify(tokenOf(request, url));
    if (this.#services.registry.ofUser(identity.userId).size >= this.#options.maxConnectionsPerUser)
      throw new CodedError("too_many_connections", "the user has as many connections as it may");
    return identity;
  }

  #accept(webSocket: WebSocket, socket: Duplex, identity: Identity): void {
    const connection = new WebSocketConnection(webSocket, socket, {
      joiner: this.#joiner,
      maxBufferedBytes: this.#options.maxBufferedBytes,
      onSlow: this.#options.onSlowConsumer,
    });
    const session = new Session(this.#services, identity.userId, connection);
    this.#open++;
    this.#heartbeat.add(connection, identity.expiresAt);
    webSocket.on("message", (data, isBinary) => {
      if (isBinary) return connection.close(CloseCode.ProtocolViolation, "frames are text");
      void session.receive(data.toString());
      if (session.state !== "new") this.#heartbeat.loggedIn(connection);
    });
    webSocket.on("pong", () => this.#heartbeat.pong(connection));
    // Broken frames: ws closes with the code that RFC 6455 has for them, and "close" follows.
    webSocket.on("error", (error) => this.#options.logger.debug({ err: messageOf(error) }, "connection failed"));
    webSocket.on("close", () => {
      this.#open--;
      this.#heartbeat.remove(connection);
      const left = session.closed().finally(() => this.#leaving.delete(left));
      this.#leaving.add(left);
    });
  }
}

/** Of what a handshake needs (RFC 6455, section 4.1) the part that no other upgrade has. */
const isHandshake = (request: IncomingMessage) => request.headers["sec-websocket-key"] !== undefined;
