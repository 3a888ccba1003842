import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ChatClient, type Fetch, PollTransport, SseTransport, type Transport } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import type { ChatServer } from "../src/server.ts";
import { FaultProxy } from "./checker/fault-proxy.ts";
import { clusterBackend } from "./support/cluster.ts";
import { EventStreamReader } from "./support/event-stream-reader.ts";
import { RawClient } from "./support/raw-client.ts";
import { metric, readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

const PING_MS = 300;
const PONG_MS = 400;
const GRACE_MS = 1_000;
const MUTE_MS = 2_000;
/** Longer than any of them, with what a loaded machine adds; far shorter than TCP takes. */
const NOTICED_MS = 15_000;
const VARIABLES: Variables = {
  CHAT_PING_INTERVAL_MS: String(PING_MS),
  CHAT_PONG_TIMEOUT_MS: String(PONG_MS),
  CHAT_POLL_GRACE_MS: String(GRACE_MS),
  CHAT_MUTE_PATIENCE_MS: String(MUTE_MS),
};

const connections = (server: ChatServer) => metric(server, "chat_open_connections");

describe("a client that vanished without a word", () => {
  let server: ChatServer;
  let dataDir = "";
  let proxy: FaultProxy;
  const cleanup: (() => void)[] = [];
  // Whatever the test came to: what is left open would keep the process.
  afterEach(() => {
    for (const end of cleanup.splice(0)) end();
  });
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "chat-"));
    server = await startTestServer({ CHAT_DATA_DIR: dataDir, ...VARIABLES });
  });
  after(async () => {
    await server.stop(0);
    await rm(dataDir, { recursive: true });
  });

  const startProxy = async () => {
    proxy = await FaultProxy.start(server.port);
    cleanup.push(() => proxy.close());
  };

  /** A network that from now on carries nothing, and tells nobody. */
  const vanish = () => {
    proxy.weather.refusing = true;
    assert.ok(proxy.halfOpen(() => true) > 0, "there are connections to freeze");
  };

  /** Ada, who follows whether Bob is there, and a conversation of the two. */
  async function watched(bob: string): Promise<{ ada: RawClient; conversationId: string }> {
    const ada = await RawClient.login(server.port, await tokenFor(`ada-of-${bob}`));
    cleanup.push(() => ada.terminate());
    const { conversation } = await ada.createDirect(bob);
    await ada.request("subscribe_presence", { conversationId: conversation.id, userIds: [bob] });
    return { ada, conversationId: conversation.id };
  }

  const told = (ada: RawClient) => ada.frames("presence").map(({ presence }) => presence.online);

  for (const transport of [new SseTransport(), new PollTransport(), new PollTransport({ short: true })] as Transport[])
    test(`over ${transport.name} is noticed: presence says so, and what comes waits on the offline list`, async () => {
      await startProxy();
      const bob = `bob-${transport.name}`;
      const { ada, conversationId } = await watched(bob);
      const client = new ChatClient({
        url: `ws://127.0.0.1:${proxy.port}/chat`,
        token: await tokenFor(bob),
        device: { id: "phone" },
        transport,
      });
      cleanup.push(() => client.close());
      let lost = 0;
      client.on("disconnected", () => lost++);
      await client.connect();
      await ada.until(() => told(ada).includes(true), "presence");
      // Idle for several times what the server allows: the signs of life do come.
      await delay(4 * (2 * PING_MS + PONG_MS));
      assert.deepEqual([lost, told(ada)], [0, [true]]);

      vanish();
      await ada.until(() => told(ada).at(-1) === false, "the absence", NOTICED_MS);
      await ada.sendMessage(conversationId, "while-away");
      client.close();
      const elsewhere = await RawClient.login(server.port, await tokenFor(bob), { device: { id: "laptop" } });
      await elsewhere.until(() => elsewhere.texts(conversationId).includes("while-away"), "the offline list");
      assert.ok(elsewhere.messages(conversationId).every(({ position }) => position === undefined));
      for (const one of [ada, elsewhere]) await one.close();
      proxy.close();
      await until(async () => (await connections(server)) === 0, "all have left");
    });

  test("with a bare EventSource is noticed too, later", async () => {
    await startProxy();
    const { ada } = await watched("bob-mute");
    const stream = await eventSource(proxy.port, "bob-mute");
    await stream.until((frame) => frame.type === "welcome");
    vanish();
    await ada.until(() => told(ada).at(-1) === false, "the absence", NOTICED_MS);
  });

  test("a bare EventSource that is there comes back by itself, misses nothing, and was never away", async () => {
    const { ada, conversationId } = await watched("bob-there");
    const first = await eventSource(server.port, "bob-there");
    const { id } = await first.until((frame) => frame.type === "welcome");
    assert.equal((await first.untilClosed()).code, 4002);
    await ada.sendMessage(conversationId, "in-between");
    const second = await eventSource(server.port, "bob-there", id);
    await second.until((frame) => frame.type === "message" && frame.message.text === "in-between");
    // The session that was kept for it is over by then.
    await until(async () => (await connections(server)) === 2, "one stream, and ada");
    assert.ok(!told(ada).includes(false), JSON.stringify(told(ada)));
    second.cancel();
    await ada.close();
  });

  test("an EventSource whose page pings is held to it, and stays as long as it does", async () => {
    const stream = await eventSource(server.port, "bob-pings");
    const { frame: welcome } = await stream.until((frame) => frame.type === "welcome");
    assert.ok(welcome.type === "welcome" && welcome.streamId !== undefined);
    const started = performance.now();
    while (performance.now() - started < 1.5 * MUTE_MS) {
      await ping(server.port, "bob-pings", welcome.streamId);
      await ping(server.port, "somebody-else", welcome.streamId);
      await delay(PING_MS);
    }
    const silentSince = performance.now();
    const other = setInterval(() => void ping(server.port, "somebody-else", welcome.streamId), PING_MS / 2);
    assert.equal((await stream.untilClosed()).code, 4002);
    clearInterval(other);
    assert.ok(performance.now() - silentSince < MUTE_MS, "sooner than one that never pinged");
  });
});

describe("a stream whose client's requests reach another server", () => {
  let redis: Redis;
  const servers: ChatServer[] = [];
  // Longer than the other server may take to find Redis again: up to 2 s between two of its attempts.
  const pingMs = 1_000;
  const pongMs = 2_000;
  const patienceMs = 2 * pingMs + pongMs;
  before(async () => {
    const backend = await clusterBackend(2, {
      ...VARIABLES,
      CHAT_PING_INTERVAL_MS: String(pingMs),
      CHAT_PONG_TIMEOUT_MS: String(pongMs),
    });
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

  test("stays, and an outage of Redis in which no sign gets through does not end it", async (t) => {
    const [here, there] = servers as [ChatServer, ChatServer];
    const fetch: Fetch = (url, init) => {
      if (url.pathname === "/frames") url.port = String(there.port);
      return globalThis.fetch(url, init);
    };
    const client = new ChatClient({
      url: `ws://127.0.0.1:${here.port}/chat`,
      token: await tokenFor("roamer"),
      device: { id: "phone" },
      transport: new SseTransport({ fetch }),
    });
    t.after(() => client.close());
    const ends: object[] = [];
    client.on("disconnected", (end) => ends.push(end));
    await client.connect();
    await delay(1.5 * patienceMs);
    assert.deepEqual(ends, []);
    await redis.kill();
    await until(async () => (await readiness(here)).status === 503, "the outage");
    await delay(1.5 * patienceMs);
    await redis.restart();
    await until(async () => (await readiness(here)).status === 200, "the end of the outage");
    await delay(1.5 * patienceMs);
    assert.deepEqual(ends, []);
  });
});

async function eventSource(port: number, userId: string, lastEventId?: string): Promise<EventStreamReader> {
  const query = new URLSearchParams({ device: "page", token: await tokenFor(userId) });
  const response = await fetch(`http://127.0.0.1:${port}/events?${query}`, {
    headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId },
  });
  assert.equal(response.status, 200);
  return new EventStreamReader(response);
}

async function ping(port: number, userId: string, streamId: string | undefined): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/frames`, {
    method: "POST",
    headers: { authorization: `Bearer ${await tokenFor(userId)}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "ping", id: 1, streamId }),
  });
  assert.equal(response.status, 200);
}
