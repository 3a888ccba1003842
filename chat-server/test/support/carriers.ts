import { type Fetch, PollTransport, SseTransport, type Transport } from "@chatcluster/client";
import { RawClient } from "./raw-client.ts";

/** Every way to carry a session. */
export const CARRIERS = ["websocket", "sse", "long_polling", "short_polling"] as const;
export type Carrier = (typeof CARRIERS)[number];

/** Ports of servers on one backend: where the client connects, and another one, which over HTTP gets what it sends. */
export interface Ports {
  port: number;
  otherPort: number;
}

export function connectBy(carrier: Carrier, { port, otherPort }: Ports, token: string): Promise<RawClient> {
  if (carrier === "websocket") return RawClient.connect(port, token);
  const cut = new AbortController();
  // No session is bound to a server: what is sent goes to the other one.
  const fetch: Fetch = (url, init) => {
    if (url.pathname === "/frames") url.port = String(otherPort);
    const signal = init.signal ? AbortSignal.any([init.signal, cut.signal]) : cut.signal;
    return globalThis.fetch(url, { ...init, signal });
  };
  return RawClient.over(transportOf(carrier, fetch), () => cut.abort(), port, token);
}

function transportOf(carrier: Exclude<Carrier, "websocket">, fetch: Fetch): Transport {
  return carrier === "sse"
    ? new SseTransport({ fetch })
    : new PollTransport({ short: carrier === "short_polling", fetch });
}
