import { type Fetch, PollTransport, SseTransport, type Transport } from "@chatcluster/client";
import { RawClient } from "./raw-client.ts";

/** Every way to carry a session. */
export const CARRIERS = ["websocket", "sse", "long_polling", "short_polling"] as const;
export type Carrier = (typeof CARRIERS)[number];

const POLL_AFTER = "x-poll-after-ms";

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
    return globalThis.fetch(url, { ...init, signal }).then(sooner);
  };
  return RawClient.over(transportOf(carrier, fetch), () => cut.abort(), port, token);
}

/** A client may poll more often than the server suggests. One that does not would have the suite wait for most of its time. */
function sooner(response: Response): Response {
  const afterMs = response.headers.get(POLL_AFTER);
  if (afterMs === null) return response;
  const headers = new Headers(response.headers);
  headers.set(POLL_AFTER, String(Math.min(Number(afterMs), 100)));
  return new Response(response.body, { status: response.status, headers });
}

function transportOf(carrier: Exclude<Carrier, "websocket">, fetch: Fetch): Transport {
  return carrier === "sse"
    ? new SseTransport({ fetch })
    : new PollTransport({ short: carrier === "short_polling", fetch });
}
