import type { Login, ServerFrame } from "@chatcluster/protocol";
import { MAX_POSITIONS } from "@chatcluster/protocol/limits";
import { bearer, type End, endOf, endpoint, type Fetch, FrameSender, heartbeatOf } from "./http-requests.ts";
import { KnownPositions } from "./known-positions.ts";
import type { Transport, TransportConnection, TransportEvents, TransportTarget } from "./transport.ts";

/** Milliseconds that a long poll waits at the server, at most: no longer than its pings are apart, which tell how soon the dead matter. */
const MAX_WAIT_MS = 25_000;
/** Milliseconds beyond the wait after which a request counts as lost, until the server has told its own. */
const SLACK_MS = 15_000;

interface Polled {
  cursor: string;
  pollAfterMs: number;
  frames: ServerFrame[];
  closed?: End;
}

export interface PollTransportOptions {
  /** Whether the server answers at once, and the client comes again after the time that it suggests; otherwise it waits for data [false]. */
  short?: boolean;
  /** Another implementation [the global one]. */
  fetch?: Fetch;
}

/** Requests one after the other, for networks that hold everything else back. */
export class PollTransport implements Transport {
  readonly name: "long_polling" | "short_polling";
  readonly #short: boolean;
  readonly #fetch: Fetch;

  constructor({ short = false, fetch = (url, init) => globalThis.fetch(url, init) }: PollTransportOptions = {}) {
    this.name = short ? "short_polling" : "long_polling";
    this.#short = short;
    this.#fetch = fetch;
  }

  open(target: TransportTarget, events: TransportEvents): TransportConnection {
    return new PollConnection(this.#fetch, target, events, this.#short);
  }
}

class PollConnection implements TransportConnection {
  readonly #fetch: Fetch;
  readonly #target: TransportTarget;
  readonly #events: TransportEvents;
  readonly #short: boolean;
  readonly #abort = new AbortController();
  readonly #sender: FrameSender;
  readonly #known = new KnownPositions();
  #login: Login | undefined;
  #cursor = "";
  #waitMs = MAX_WAIT_MS;
  #slackMs = SLACK_MS;
  /** Ends the pause before the next poll. */
  #hurry: () => void = () => undefined;

  constructor(fetch: Fetch, target: TransportTarget, events: TransportEvents, short: boolean) {
    this.#fetch = fetch;
    this.#target = target;
    this.#events = events;
    this.#short = short;
    endpoint(target, "poll");
    this.#sender = new FrameSender(fetch, target, this.#abort.signal, {
      onFrame: (text) => {
        this.#onFrame(text);
        // What one sends comes back as a message, and others may answer soon.
        this.#hurry();
      },
      onEnd: (end) => this.#end(end),
    });
    queueMicrotask(() => {
      if (!this.#abort.signal.aborted) events.onOpen();
    });
  }

  send(text: string): void {
    if (this.#login || !text.includes('"type":"login"')) {
      this.#sender.send(text);
      return;
    }
    this.#login = JSON.parse(text) as Login;
    this.#sender.loggedIn(text);
    this.#known.add(this.#login.positions ?? {});
    void this.#run();
  }

  listed(): void {
    if (this.#login) this.#login = { ...this.#login, complete: true };
  }

  close(code: number, reason: string): void {
    queueMicrotask(() => {
      if (this.#abort.signal.aborted) return;
      this.#end({ code, reason });
      if (this.#cursor === "") return;
      const init = { method: "DELETE", headers: bearer(this.#target), keepalive: true };
      // Only sooner than the server would notice by itself.
      this.#fetch(this.#address(), init).catch(() => undefined);
    });
  }

  async #run(): Promise<void> {
    try {
      while (!this.#abort.signal.aborted) await this.#poll();
    } catch (error) {
      this.#end({ code: 1006, reason: String(error) });
    }
  }

  async #poll(): Promise<void> {
    let response = await this.#request(this.#cursor === "");
    // Another server than the last time, or the same one after too long.
    if (response.status === 409) response = await this.#request(true);
    if (response.status !== 304 && !response.ok) return this.#end(await endOf(response, (text) => this.#onFrame(text)));
    if (response.status !== 304) {
      const { cursor, frames, closed } = (await response.json()) as Polled;
      for (const frame of frames) this.#onFrame(JSON.stringify(frame));
      this.#cursor = cursor;
      if (closed) return this.#end(closed);
    }
    await this.#pause(Number(response.headers.get("x-poll-after-ms") ?? 0));
  }

  #request(login: boolean): Promise<Response> {
    const timeout = AbortSignal.timeout((this.#short ? 0 : this.#waitMs) + this.#slackMs);
    const init: RequestInit = { signal: AbortSignal.any([this.#abort.signal, timeout]), cache: "no-store" };
    if (!login)
      return this.#fetch(this.#address(), {
        ...init,
        headers: { ...bearer(this.#target), "if-none-match": `"${this.#cursor}"` },
      });
    return this.#fetch(this.#address(), {
      ...init,
      method: "POST",
      headers: { ...bearer(this.#target), "content-type": "application/json" },
      body: JSON.stringify(this.#loginAgain()),
    });
  }

  #loginAgain() {
    const { complete, ...login } = this.#login ?? {};
    const isComplete = complete && this.#known.size <= MAX_POSITIONS;
    return { ...login, positions: this.#known.latest(), ...(isComplete && { complete }) };
  }

  #address(): URL {
    const address = endpoint(this.#target, "poll");
    address.search = new URLSearchParams({
      cursor: this.#cursor,
      wait: String(this.#short ? 0 : this.#waitMs / 1_000),
    }).toString();
    return address;
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#hurry = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#hurry = done;
    });
  }

  #onFrame(text: string): void {
    if (this.#abort.signal.aborted) return;
    this.#known.note(text);
    const heartbeat = heartbeatOf(text);
    if (heartbeat) {
      this.#waitMs = Math.min(MAX_WAIT_MS, heartbeat.pingIntervalMs);
      this.#slackMs = heartbeat.pongTimeoutMs;
    }
    this.#events.onFrame(text);
  }

  #end({ code, reason }: End): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#hurry();
    this.#events.onClose(code, reason);
  }
}
