import { CloseCode } from "@chatcluster/protocol/codes";
import { bearer, type End, endOf, endpoint, type Fetch, FrameSender, heartbeatOf, linesOf } from "./http-requests.ts";
import type { Transport, TransportConnection, TransportEvents, TransportTarget } from "./transport.ts";

/** Milliseconds of silence after which a stream counts as dead, until its `welcome` says otherwise. */
const SILENCE_MS = 40_000;

/** Server-sent events down and requests up, over `fetch`, which unlike `EventSource` can send headers and a login of any size. */
export class SseTransport implements Transport {
  readonly name = "sse";
  readonly #fetch: Fetch;

  /** @param options.fetch another implementation [the global one]. */
  constructor({ fetch = (url, init) => globalThis.fetch(url, init) }: { fetch?: Fetch } = {}) {
    this.#fetch = fetch;
  }

  open(target: TransportTarget, events: TransportEvents): TransportConnection {
    return new SseConnection(this.#fetch, target, events);
  }
}

class SseConnection implements TransportConnection {
  readonly #fetch: Fetch;
  readonly #target: TransportTarget;
  readonly #events: TransportEvents;
  readonly #abort = new AbortController();
  readonly #sender: FrameSender;
  #silenceMs = SILENCE_MS;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #begun = false;

  constructor(fetch: Fetch, target: TransportTarget, events: TransportEvents) {
    this.#fetch = fetch;
    this.#target = target;
    this.#events = events;
    endpoint(target, "events");
    this.#sender = new FrameSender(fetch, target, this.#abort.signal, {
      onFrame: (text) => this.#onFrame(text),
      onEnd: (end) => this.#end(end),
    });
    queueMicrotask(() => {
      if (!this.#abort.signal.aborted) events.onOpen();
    });
  }

  send(text: string): void {
    // The login is what opens the stream. All that may come before it is a ping.
    if (this.#begun || !text.includes('"type":"login"')) this.#sender.send(text);
    else {
      this.#begun = true;
      this.#sender.loggedIn(text);
      void this.#stream(text);
    }
  }

  close(code: number, reason: string): void {
    queueMicrotask(() => this.#end({ code, reason }));
  }

  async #stream(login: string): Promise<void> {
    try {
      this.#listen();
      const response = await this.#fetch(endpoint(this.#target, "events"), {
        method: "POST",
        headers: { ...bearer(this.#target), "content-type": "application/json", accept: "text/event-stream" },
        body: login,
        cache: "no-store",
        signal: this.#abort.signal,
      });
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
      if (!response.ok || !isStream) return this.#end(await endOf(response, (text) => this.#onFrame(text)));
      this.#end((await this.#read(response)) ?? { code: 1006, reason: "the stream ended" });
    } catch (error) {
      this.#end({ code: 1006, reason: String(error) });
    }
  }

  /** HTML standard, section 9.2.6, for what this server sends: an event's data is one line. */
  async #read(response: Response): Promise<End | undefined> {
    let [event, data] = ["", ""];
    for await (const line of linesOf(response, () => this.#listen())) {
      if (line.startsWith("data: ")) data = line.slice(6);
      else if (line.startsWith("event: ")) event = line.slice(7);
      else if (line === "") {
        if (data !== "" && event === "close") return JSON.parse(data) as End;
        if (data !== "" && event === "") this.#onEvent(data);
        [event, data] = ["", ""];
      }
    }
    return undefined;
  }

  #onEvent(text: string): void {
    const heartbeat = heartbeatOf(text);
    if (heartbeat) {
      this.#silenceMs = heartbeat.pingIntervalMs + heartbeat.pongTimeoutMs;
      this.#listen();
    }
    this.#onFrame(text);
  }

  #listen(): void {
    clearTimeout(this.#silence);
    const dead = () => this.#end({ code: CloseCode.PongTimeout, reason: "the stream is silent" });
    this.#silence = setTimeout(dead, this.#silenceMs);
  }

  #onFrame(text: string): void {
    if (!this.#abort.signal.aborted) this.#events.onFrame(text);
  }

  #end({ code, reason }: End): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#silence);
    this.#abort.abort();
    this.#events.onClose(code, reason);
  }
}
