import { PollTransport } from "./poll-transport.ts";
import { SseTransport } from "./sse-transport.ts";
import type { Transport } from "./transport.ts";
import { WebSocketTransport } from "./websocket-transport.ts";

/** All that this platform can carry frames by, the best one first. */
export function defaultTransports(): Transport[] {
  return [
    ...(globalThis.WebSocket ? [new WebSocketTransport()] : []),
    new SseTransport(),
    new PollTransport(),
    new PollTransport({ short: true }),
  ];
}
