/** Pairs of users who write to each other. Run by bench-direct.ts through {@link Generator}. */

import { until } from "@chatcluster/foundation/until";
import type { ServerFrame } from "@chatcluster/protocol";
import { generate } from "./generator.ts";
import { Latencies, type Latency } from "./latencies.ts";
import { paced } from "./paced.ts";
import { signInAll, WireClient } from "./wire-client.ts";

export interface DirectOptions {
  /** The first of each pair is at the first server, the second at the last. */
  ports: number[];
  pairs: number;
  /** Messages a second, of all together. */
  rate: number;
  warmUpSeconds: number;
  seconds: number;
  /** Whether each message is answered by a `delivered` receipt. */
  receipts: boolean;
}

export interface DirectResult {
  sent: Latency;
  delivered: Latency;
  errors: number;
}

const TEXT_LENGTH = 100;

class Pair {
  readonly clients: readonly [WireClient, WireClient];
  conversationId = "";
  constructor(first: WireClient, second: WireClient) {
    this.clients = [first, second];
  }
}

await generate<DirectOptions, DirectResult>(async ({ ports, pairs: count, rate, warmUpSeconds, seconds, receipts }) => {
  const users = Array.from({ length: count * 2 }, (_, index) => `direct-${index}`);
  const portOf = (index: number) => (index % 2 === 0 ? ports[0] : ports.at(-1)) ?? 0;
  const clients = await signInAll(users, (user, index) => WireClient.signIn(portOf(index), user));
  const pairs: Pair[] = [];
  for (let index = 0; index < clients.length; index += 2)
    pairs.push(new Pair(clients[index] as WireClient, clients[index + 1] as WireClient));

  /** By the client's name for the message: when it was due. */
  const sent = new Map<string, number>();
  const delivered = new Map<string, number>();
  let sentTimes = new Latencies();
  let deliveredTimes = new Latencies();
  let errors = 0;
  let phase = "";

  const take = (latencies: Latencies, due: Map<string, number>, name: string) => {
    const at = due.get(name);
    if (at === undefined || !due.delete(name)) return;
    latencies.add(performance.now() - at);
  };
  const onMessage = (client: WireClient, user: string, { message }: Extract<ServerFrame, { type: "message" }>) => {
    if (message.senderId === user) return;
    take(deliveredTimes, delivered, message.clientId);
    const { conversationId, id: upTo } = message;
    if (receipts) client.send({ type: "receipt", id: 1, conversationId, kind: "delivered", upTo });
  };
  const onError = ({ re }: Extract<ServerFrame, { type: "error" }>) => {
    errors++;
    // Nothing comes of it any more.
    sent.delete(`${phase}-${re}`);
    delivered.delete(`${phase}-${re}`);
  };
  const onFrame = (pair: Pair, client: WireClient, user: string, frame: ServerFrame) => {
    if (frame.type === "sent") take(sentTimes, sent, frame.clientId);
    else if (frame.type === "message") onMessage(client, user, frame);
    else if (frame.type === "conversation") pair.conversationId = frame.conversation.id;
    else if (frame.type === "error") onError(frame);
  };
  pairs.forEach((pair, index) => {
    for (const [side, client] of pair.clients.entries()) {
      const user = users[index * 2 + side] ?? "";
      client.onText = (text) => onFrame(pair, client, user, JSON.parse(text) as ServerFrame);
    }
    const body = { clientId: "pair", kind: "direct" as const, memberIds: [users[index * 2 + 1] ?? ""] };
    pair.clients[0].send({ type: "create_conversation", id: 1, ...body });
  });
  await until(() => pairs.every(({ conversationId }) => conversationId !== ""), "the conversations");

  const traffic = async (name: string, duration: number) => {
    phase = name;
    await paced(rate, duration, (index, dueAt) => {
      const pair = pairs[index % count] as Pair;
      const side = Math.floor(index / count) % 2 === 0 ? 0 : 1;
      const clientId = `${phase}-${index}`;
      const text = clientId.padEnd(TEXT_LENGTH, ".");
      sent.set(clientId, dueAt);
      delivered.set(clientId, dueAt);
      pair.clients[side].send({ type: "send", id: index, conversationId: pair.conversationId, clientId, text });
    });
    await until(() => sent.size === 0 && delivered.size === 0, "the last messages", 60_000);
  };
  await traffic("warm", warmUpSeconds);
  return async () => {
    errors = 0;
    sentTimes = new Latencies();
    deliveredTimes = new Latencies();
    await traffic("measured", seconds);
    return { sent: sentTimes.summary(), delivered: deliveredTimes.summary(), errors };
  };
});
