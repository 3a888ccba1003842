import type { Login } from "@chatcluster/protocol";
import type { Session } from "../../session/session.ts";
import type { SessionHost } from "../session-host.ts";
import { PollConnection } from "./poll-connection.ts";
import type { PollCursor } from "./poll-cursor.ts";

export interface PollingOptions {
  maxBufferedBytes: number;
  /** Milliseconds for which a client that does not poll counts as connected. */
  pollGraceMs: number;
  onSlow: () => void;
}

export interface PollSession {
  connection: PollConnection;
  session: Session;
  /** Requests that wait for data, by the time at which each stops waiting. */
  waiting: Map<() => void, number>;
  idleSince: number;
}

const TICK_MS = 100;
/** Milliseconds until the next poll that does not wait: [up to this long after the last frame, interval]. */
const INTERVALS: readonly (readonly [number, number])[] = [
  [10_000, 1_000],
  [60_000, 3_000],
  [Number.POSITIVE_INFINITY, 10_000],
];
/** Share of the grace within which a client that keeps to the interval has come back for certain. */
const INTERVAL_SHARE = 1 / 3;
/** Requests of one session that may wait at once. */
export const MAX_WAITING = 8;

/**
 * Sessions of clients that poll. Between two polls a session lives on for a grace, so that the user counts as connected; what came
 * meanwhile waits in its queue. A session that is gone costs nothing but a login: all that matters is in the client's positions.
 */
export class PollSessions {
  readonly #host: SessionHost;
  readonly #options: PollingOptions;
  readonly #byQueue = new Map<string, PollSession>();
  /** One timer for all: polls whose wait is over, sessions whose client stays away. */
  readonly #timer = setInterval(() => this.#tick(Date.now()), TICK_MS).unref();

  constructor(host: SessionHost, options: PollingOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** The user's session that the cursor names, with what the client has of it taken note of. */
  find(userId: string, cursor: PollCursor): PollSession | undefined {
    for (const [queue, upTo] of cursor.queues) {
      const found = this.#byQueue.get(queue);
      if (found?.session.userId !== userId) continue;
      found.connection.acknowledge(upTo);
      return found;
    }
    return undefined;
  }

  /** @throws CodedError `unavailable`, `too_many_connections` */
  create(userId: string, login: Login): PollSession {
    this.#host.admit(userId);
    const connection = new PollConnection(this.#options);
    const session = this.#host.open(userId, connection);
    const created = { connection, session, waiting: new Map(), idleSince: Date.now() };
    this.#byQueue.set(connection.id, created);
    void session.receive(JSON.stringify(login));
    return created;
  }

  /** Resolves when there is data, the wait is over or the peer gone (`signal`), at once if there is data already. */
  wait(poll: PollSession, waitMs: number, signal: AbortSignal): Promise<void> {
    if (poll.connection.hasData || waitMs === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        poll.waiting.delete(done);
        withdraw();
        signal.removeEventListener("abort", done);
        poll.idleSince = Date.now();
        resolve();
      };
      const withdraw = poll.connection.onData(done);
      poll.waiting.set(done, Date.now() + waitMs);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  /** Milliseconds after which a client that does not wait should come again. */
  interval({ connection }: PollSession): number {
    const silentMs = Date.now() - connection.lastFrameAt;
    const wished = INTERVALS.find(([upToMs]) => silentMs < upToMs)?.[1] ?? 0;
    return Math.min(wished, Math.floor(this.#options.pollGraceMs * INTERVAL_SHARE));
  }

  end(poll: PollSession): void {
    this.#byQueue.delete(poll.connection.id);
    poll.connection.close(1000, "ended");
    this.#host.ended(poll.session);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const poll of this.#byQueue.values()) this.end(poll);
  }

  #tick(now: number): void {
    for (const poll of this.#byQueue.values()) {
      for (const [done, until] of poll.waiting) if (now >= until) done();
      // What was closed has left; only its reason stays, for the client to fetch.
      if (poll.connection.closed) this.#host.ended(poll.session);
      if (poll.waiting.size === 0 && now - poll.idleSince >= this.#options.pollGraceMs) this.end(poll);
    }
  }
}
