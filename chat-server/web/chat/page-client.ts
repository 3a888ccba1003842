import { ChatClient, PollTransport, SseTransport, WebSocketTransport } from "@chatcluster/client";
import { IndexedDbOutboxStore } from "@chatcluster/client/indexeddb-outbox";
import { Line } from "./line.ts";
import { pageStorage } from "./page-storage.ts";

/** A client for this tab, to the server that the page came from, over a line that the user can cut. */
export function createPageClient(token: string, userId: string): { client: ChatClient; line: Line } {
  // Best first: the client takes the first one that the network lets through, and climbs back up.
  const line = new Line([
    new WebSocketTransport(),
    new SseTransport(),
    new PollTransport(),
    new PollTransport({ short: true }),
  ]);
  const url = new URL("/chat", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const client = new ChatClient({
    url: url.href,
    token: () => line.token(token),
    device: { id: pageStorage.deviceId },
    transport: line.transports,
    outbox: new IndexedDbOutboxStore(userId),
  });
  return { client, line };
}
