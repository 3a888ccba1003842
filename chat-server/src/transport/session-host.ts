import { CodedError } from "@chatcluster/foundation/errors";
import type { CloseCode } from "@chatcluster/protocol";
import type { Identity, TokenVerifier } from "../auth/token-verifier.ts";
import type { Connection } from "../session/connection.ts";
import { RateLimited, RateLimiter } from "../session/rate-limiter.ts";
import type { SessionServices } from "../session/services.ts";
import { Session } from "../session/session.ts";

export interface SessionLimits {
  maxConnections: number;
  maxConnectionsPerUser: number;
  /** New connections, signed in, of all users. A second's worth twice over may come at once. */
  connectionsPerSecond: number;
}

const CHECK_MS = 20;
/** Milliseconds over which those come again whom a storm has turned away. */
const SPREAD_MS = 2_000;

/** Who may come in, by whichever transport, and how many are there: the limits and the drain hold for all transports together. */
export class SessionHost {
  readonly services: SessionServices;
  readonly #verifier: TokenVerifier;
  readonly #limits: SessionLimits;
  readonly #open = new Set<Session>();
  /** Resolved when a session has left; a shutdown waits for them. */
  readonly #leaving = new Set<Promise<void>>();
  /** One bucket for all. */
  readonly #arrivals: RateLimiter;
  #refusal: string | undefined;

  constructor(verifier: TokenVerifier, services: SessionServices, limits: SessionLimits) {
    this.#verifier = verifier;
    this.services = services;
    this.#limits = limits;
    this.#arrivals = new RateLimiter(limits.connectionsPerSecond);
  }

  /** Open connections, signed in or not. */
  get connections(): number {
    return this.#open.size;
  }

  /** Whether new connections are let in: not while the server drains. */
  get admits(): boolean {
    return this.#refusal === undefined;
  }

  /** Refuses new connections from now on, with this reason. */
  refuse(reason: string): void {
    this.#refusal = reason;
  }

  /** Who a token stands for. @throws CodedError `unauthenticated`, `unavailable` (keys can't be fetched) */
  identify(token: string | undefined): Promise<Identity> {
    return this.#verifier.verify(token);
  }

  /** Counts a request that brings no frame. @throws RateLimited */
  countRequest(userId: string): void {
    const wait = this.services.frameLimiter.take(userId);
    if (wait > 0) throw new RateLimited("more requests per second than allowed", wait);
  }

  /**
   * To be called for who has shown a token: strangers use nothing up.
   * @throws CodedError `unavailable` (draining, full), `too_many_connections` (of the user) or `rate_limited` (of the server: a storm)
   */
  admit(userId: string): void {
    if (this.#refusal !== undefined) throw new CodedError("unavailable", this.#refusal);
    if (this.#open.size >= this.#limits.maxConnections)
      throw new CodedError("unavailable", "the server has as many connections as it may");
    // Of a request that is answered at once nothing is counted: only what stays open.
    let ofUser = 0;
    for (const session of this.services.registry.ofUser(userId)) if (this.#open.has(session)) ofUser++;
    if (ofUser >= this.#limits.maxConnectionsPerUser)
      throw new CodedError("too_many_connections", "the user has as many connections as it may");
    const wait = this.#arrivals.take("");
    // Spread, or all who are turned away in one moment would come again in another one.
    if (wait > 0)
      throw new RateLimited(
        "more new connections per second than the server takes",
        Math.ceil(wait + Math.random() * SPREAD_MS),
      );
  }

  open(userId: string, connection: Connection): Session {
    const session = new Session(this.services, userId, connection);
    this.#open.add(session);
    return session;
  }

  /** To be called when the transport has lost its peer, once or more often. */
  ended(session: Session): void {
    if (!this.#open.delete(session)) return;
    const left = session.closed().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  /** Closes what is open. Resolves when every session has left, or at the end of `timeoutMs`. */
  async close(code: CloseCode, reason: string, timeoutMs: number): Promise<void> {
    for (const session of this.#open) session.connection.close(code, reason);
    const deadline = Date.now() + timeoutMs;
    while ((this.#open.size > 0 || this.#leaving.size > 0) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }
}
