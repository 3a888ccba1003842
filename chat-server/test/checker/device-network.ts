import {
  type Fetch,
  PollTransport,
  SseTransport,
  type Transport,
  type TransportConnection,
  type TransportEvents,
  WebSocketTransport,
} from "@chatcluster/client";
import type { Random } from "./random.ts";
import { traced, tracedFetch } from "./traced.ts";

/** The transports of the client package, by the name under which it tells them to the application; the best one first. */
export const CARRIERS = ["websocket", "sse", "long_polling", "short_polling"] as const;
export type Carrier = (typeof CARRIERS)[number];
/** What a device is given: one transport, or all of them, between which the client package chooses. */
export type Kind = Carrier | "automatic";
export const KINDS: readonly Kind[] = [...CARRIERS, "automatic"];

export interface DeviceNetworkOptions {
  /** Base addresses of all servers, as `ws://HOST:PORT/chat`: any will do for any connection and any request. */
  readonly addresses: () => readonly string[];
  readonly random: Random;
  /** Each request over HTTP goes to a server of its own; otherwise all of a connection to one. */
  readonly roaming: boolean;
  /** Takes note of every frame and request. */
  readonly note?: (event: Record<string, unknown>) => void;
}

/** The network of one device: it picks servers at random, may be down, and may hold some transports back. */
export class DeviceNetwork {
  readonly #options: DeviceNetworkOptions;
  readonly #open = new Map<() => void, Carrier>();
  #offline = false;
  #blocked: ReadonlySet<Carrier> = new Set();

  constructor(options: DeviceNetworkOptions) {
    this.#options = options;
  }

  transports(kind: Kind): Transport[] {
    const { note } = this.#options;
    const transports = (kind === "automatic" ? CARRIERS : [kind]).map((carrier) => this.#routed(carrier));
    return note ? transports.map((transport) => traced(transport, note)) : transports;
  }

  set offline(offline: boolean) {
    this.#offline = offline;
    this.#drop();
  }

  /** Lets nothing of these transports through from now on, as proxies do that know only some. */
  set blocked(carriers: readonly Carrier[]) {
    this.#blocked = new Set(carriers);
    this.#drop();
  }

  /** Each connection of the transport begins at a server of its own. */
  #routed(carrier: Carrier): Transport {
    const open = ({ token }: { token: string }, events: TransportEvents): TransportConnection => {
      const url = this.#options.random.pick(this.#options.addresses());
      if (carrier !== "websocket") return this.#overHttp(carrier).open({ url, token }, events);
      return this.#overWebSocket({ url, token }, events);
    };
    return { name: carrier, open };
  }

  #overWebSocket(target: { url: string; token: string }, events: TransportEvents): TransportConnection {
    let over = false;
    let drop: () => void = () => undefined;
    const close = (code: number, reason: string) => {
      if (over) return;
      over = true;
      this.#open.delete(drop);
      events.onClose(code, reason);
    };
    if (this.#isHeldBack("websocket")) {
      queueMicrotask(() => close(1006, "the network lets nothing through"));
      return { send: () => undefined, close: () => undefined };
    }
    const connection = new WebSocketTransport().open(target, {
      onOpen: () => over || events.onOpen(),
      onFrame: (text) => over || events.onFrame(text),
      onClose: close,
    });
    drop = () => {
      connection.close(1000, "the network is gone");
      close(1006, "the network is gone");
    };
    this.#open.set(drop, "websocket");
    return { send: (text) => over || connection.send(text), close: (code, reason) => connection.close(code, reason) };
  }

  #overHttp(carrier: Exclude<Carrier, "websocket">): Transport {
    const { note } = this.#options;
    const fetch = note ? tracedFetch(this.#fetch(carrier), note) : this.#fetch(carrier);
    return carrier === "sse"
      ? new SseTransport({ fetch })
      : new PollTransport({ short: carrier === "short_polling", fetch });
  }

  #fetch(carrier: Carrier): Fetch {
    return async (url, init) => {
      if (this.#isHeldBack(carrier)) throw new TypeError("the network lets nothing through");
      const { random, addresses, roaming } = this.#options;
      if (roaming) url.port = new URL(random.pick(addresses())).port;
      const cut = new AbortController();
      const drop = () => cut.abort();
      const signal = init.signal ? AbortSignal.any([init.signal, cut.signal]) : cut.signal;
      this.#open.set(drop, carrier);
      const response = await globalThis.fetch(url, { ...init, signal }).catch((error: unknown) => {
        this.#open.delete(drop);
        throw error;
      });
      // A stream lives on after its response has begun, until its connection ends.
      if (url.pathname !== "/events") this.#open.delete(drop);
      else init.signal?.addEventListener("abort", () => this.#open.delete(drop), { once: true });
      return response;
    };
  }

  #isHeldBack(carrier: Carrier): boolean {
    return this.#offline || this.#blocked.has(carrier);
  }

  #drop(): void {
    for (const [drop, carrier] of [...this.#open]) {
      if (!this.#isHeldBack(carrier)) continue;
      this.#open.delete(drop);
      drop();
    }
  }
}
