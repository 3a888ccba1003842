import { CloseCode } from "@chatcluster/protocol";
import type { WebSocketConnection } from "./websocket-connection.ts";

export interface HeartbeatOptions {
  pingIntervalMs: number;
  pongTimeoutMs: number;
  loginTimeoutMs: number;
}

/** One timer for all connections: pings, pongs that did not come, logins that did not come, tokens that expired. */
export class Heartbeat {
  readonly #connections = new Set<WebSocketConnection>();
  readonly #options: HeartbeatOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const { pingIntervalMs, pongTimeoutMs, loginTimeoutMs } = options;
    const tick = Math.min(1_000, Math.ceil(Math.min(pingIntervalMs, pongTimeoutMs, loginTimeoutMs) / 4));
    this.#timer = setInterval(() => this.#tick(Date.now()), tick);
    this.#timer.unref();
  }

  add(connection: WebSocketConnection, expiresAt: number): void {
    const now = Date.now();
    // Spread, so that 15,000 clients which came at once are not pinged at once.
    connection.pingDueAt = now + this.#options.pingIntervalMs * (0.5 + Math.random() / 2);
    connection.loginDueAt = now + this.#options.loginTimeoutMs;
    connection.expiresAt = expiresAt;
    this.#connections.add(connection);
  }

  loggedIn(connection: WebSocketConnection): void {
    connection.loginDueAt = Number.POSITIVE_INFINITY;
  }

  pong(connection: WebSocketConnection): void {
    connection.pongDueAt = Number.POSITIVE_INFINITY;
  }

  remove(connection: WebSocketConnection): void {
    this.#connections.delete(connection);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(now: number): void {
    for (const connection of this.#connections) {
      if (now >= connection.pongDueAt) connection.close(CloseCode.PongTimeout, "no pong in time");
      else if (now >= connection.loginDueAt) connection.close(CloseCode.LoginTimeout, "no login in time");
      else if (now >= connection.expiresAt) connection.close(CloseCode.Unauthenticated, "the token has expired");
      else if (now >= connection.pingDueAt) {
        connection.pingDueAt = now + this.#options.pingIntervalMs;
        connection.pongDueAt = Math.min(connection.pongDueAt, now + this.#options.pongTimeoutMs);
        connection.ping();
      }
    }
  }
}
