import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatClient, PollTransport, SseTransport, type Transport, WebSocketTransport } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import type { ChatServer } from "../src/server.ts";
import { clusterBackend } from "./support/cluster.ts";
import { CuttableProxy } from "./support/cuttable-proxy.ts";
import { readiness, startTestServer, tokenFor } from "./support/test-server.ts";

const WAIT_MS = 30_000;
const TRANSPORTS: readonly Transport[] = [
  new WebSocketTransport(),
  new SseTransport(),
  new PollTransport(),
  new PollTransport({ short: true }),
];

let redis: Redis;
const servers: ChatServer[] = [];
before(async () => {
  const backend = await clusterBackend(2, { CHAT_MESSAGES_PER_SECOND: "1000" });
  redis = backend.redis;
  for (const variables of backend.servers) {
    const server = await startTestServer(variables);
    servers.push(server);
    await until(async () => (await readiness(server)).status === 200, "readiness");
  }
});
after(async () => {
  for (const server of servers) await server.stop(0);
  await redis?.stop();
});

async function connect(port: number, userId: string, transport: Transport): Promise<ChatClient> {
  const client = new ChatClient({
    url: `ws://127.0.0.1:${port}/chat`,
    token: await tokenFor(userId),
    device: { id: "one" },
    transport,
    backoff: { baseMs: 20, capMs: 200 },
  });
  await client.connect({ signal: AbortSignal.timeout(WAIT_MS) });
  return client;
}

const show = ({ text, data }: { text: string; data?: Uint8Array }) => (data ? [...data].join(".") : text);

for (const transport of TRANSPORTS)
  test(`over ${transport.name}: a document on two servers, from its start, through a cut: every message once and in order`, async () => {
    const proxy = await CuttableProxy.start(servers[1]?.port ?? 0);
    const writer = await connect(servers[0]?.port ?? 0, `ada-${transport.name}`, new WebSocketTransport());
    const reader = await connect(proxy.port, `bob-${transport.name}`, transport);
    try {
      const { id } = await writer.createConversation({
        kind: "live",
        title: "Document",
        memberIds: [],
        rights: { subscribe: "anyone", publish: "anyone" },
      });
      const expected: string[] = [];
      const publish = async (content: string | Uint8Array) => {
        await writer.publish(id, content);
        expected.push(typeof content === "string" ? content : [...content].join("."));
      };
      for (let index = 0; index < 5; index++) await publish(new Uint8Array([index, 255]));

      const subscription = reader.subscribe(id, { from: "start" });
      assert.throws(() => reader.subscribe(id), { code: "already_subscribed" });
      const seen: string[] = [];
      subscription.on("message", (message) => seen.push(show(message)));
      await subscription.ready;
      assert.deepEqual(seen, expected);
      await publish("live");
      await until(() => seen.length === expected.length, "the live message", WAIT_MS);

      proxy.cut();
      for (let index = 0; index < 20; index++) await publish(index % 2 ? `m${index}` : new Uint8Array([index]));
      proxy.restore();
      await until(() => seen.length >= expected.length, "what was missed", WAIT_MS);
      await subscription.publish(new Uint8Array([7, 7, 7]));
      expected.push("7.7.7");
      await until(() => seen.length >= expected.length, "the reader's own message", WAIT_MS);
      assert.deepEqual(seen, expected);

      const { bookmark } = subscription;
      assert.ok(bookmark);
      subscription.unsubscribe();
      await publish("while away");
      const again = reader.subscribe(id, { from: bookmark });
      const later: string[] = [];
      again.on("message", (message) => later.push(show(message)));
      await again.ready;
      await until(() => later.length > 0, "what came since the bookmark", WAIT_MS);
      assert.deepEqual(later, ["while away"]);
      const ended = again.once("ended", { signal: AbortSignal.timeout(WAIT_MS) });
      await writer.setRights(id, { subscribe: "members", publish: "members" });
      assert.equal((await ended).error?.code, "conversation_not_found");
      await assert.rejects(reader.subscribe(id).ready, { code: "conversation_not_found" });
      assert.equal(seen.length, expected.length - 1, "nothing more to the one that has ended");
    } finally {
      writer.close();
      reader.close();
      proxy.close();
    }
  });
