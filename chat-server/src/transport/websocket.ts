import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { MAX_FRAME_BYTES } from "@chatcluster/protocol";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Identity } from "../auth/token-verifier.ts";
import { WriteJoiner } from "../write-joiner.ts";
import { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { isToldByFrame, refuseSession } from "./refused-session.ts";
import type { SessionHost } from "./session-host.ts";
import { tokenOf } from "./token.ts";
import { refuseUpgrade } from "./upgrade-refusal.ts";
import { WebSocketConnection } from "./websocket-connection.ts";

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
  maxBufferedBytes: number;
  onSlowConsumer: () => void;
  logger: Logger;
}

/** Carries sessions over WebSocket (RFC 6455): one text or binary frame is one frame of the protocol. */
export class WebSocketTransport {
  readonly #server = new WebSocketServer(WEB_SOCKET_SERVER_OPTIONS);
  /** Its own, so that those who are refused are neither counted nor waited for. */
  readonly #refusing = new WebSocketServer({ ...WEB_SOCKET_SERVER_OPTIONS, closeTimeout: REFUSED_TIMEOUT_MS });
  readonly #heartbeat: Heartbeat;
  readonly #joiner = new WriteJoiner();
  readonly #host: SessionHost;
  readonly #options: WebSocketOptions;

  constructor(host: SessionHost, options: WebSocketOptions) {
    this.#host = host;
    this.#options = options;
    this.#heartbeat = new Heartbeat(options);
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

  /** Ends what a closing handshake has not ended. */
  close(): void {
    for (const webSocket of [...this.#server.clients, ...this.#refusing.clients]) webSocket.terminate();
    this.#heartbeat.stop();
  }

  async #admit(request: IncomingMessage): Promise<Identity> {
    const url = URL.parse(request.url ?? "/", "http://chat");
    if (!url) throw new CodedError("malformed_frame", "the URL can't be decoded");
    if (url.pathname !== CHAT_PATH) throw new CodedError("not_found", `WebSocket is served at ${CHAT_PATH}`);
    const identity = await this.#host.identify(tokenOf(request, url));
    this.#host.admit(identity.userId);
    return identity;
  }

  #accept(webSocket: WebSocket, socket: Duplex, identity: Identity): void {
    const connection = new WebSocketConnection(webSocket, socket, {
      joiner: this.#joiner,
      maxBufferedBytes: this.#options.maxBufferedBytes,
      onSlow: this.#options.onSlowConsumer,
    });
    const session = this.#host.open(identity.userId, connection);
    this.#heartbeat.add(connection, identity.expiresAt);
    webSocket.on("message", (data, isBinary) => {
      void session.receive(isBinary ? (data as Buffer) : data.toString());
      if (session.state !== "new") this.#heartbeat.loggedIn(connection);
    });
    webSocket.on("pong", () => this.#heartbeat.pong(connection));
    // Broken frames: ws closes with the code that RFC 6455 has for them, and "close" follows.
    webSocket.on("error", (error) => this.#options.logger.debug({ err: messageOf(error) }, "connection failed"));
    webSocket.on("close", () => {
      this.#heartbeat.remove(connection);
      this.#host.ended(session);
    });
  }
}

/** Of what a handshake needs (RFC 6455, section 4.1) the part that no other upgrade has. */
const isHandshake = (request: IncomingMessage) => request.headers["sec-websocket-key"] !== undefined;
