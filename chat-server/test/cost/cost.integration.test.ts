import assert from "node:assert/strict";
import { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import type { ChatServer } from "../../src/server.ts";
import { clusterBackend } from "../support/cluster.ts";
import { RawClient } from "../support/raw-client.ts";
import { metric, readiness, startTestServer, tokenFor } from "../support/test-server.ts";

describe("what the server costs", () => {
  let redis: Redis;
  let servers: ChatServer[] = [];

  before(async () => {
    // No renewal of registrations and no look after a slow message among what is counted.
    const backend = await clusterBackend(2, {
      CHAT_REGISTRY_TTL_MS: "600000",
      CHAT_RESERVATION_TIMEOUT_MS: "60000",
      CHAT_MESSAGES_PER_SECOND: "10000",
      CHAT_PING_INTERVAL_MS: "300000",
    });
    redis = backend.redis;
    for (const each of backend.servers) {
      const server = await startTestServer(each);
      servers.push(server);
      await until(async () => (await readiness(server)).status === 200, "readiness");
    }
  });
  after(async () => {
    for (const server of servers) await server.stop(0);
    servers = [];
    await redis?.stop();
  });

  const login = async (index: number, user: string) =>
    RawClient.login(servers[index % servers.length]?.port ?? 0, await tokenFor(user));

  const total = async (name: string) => {
    let sum = 0;
    for (const server of servers) sum += await metric(server, name);
    return sum;
  };
  const leave = async (clients: readonly RawClient[]) => {
    for (const client of clients) client.terminate();
    await until(async () => (await total("chat_open_connections")) === 0, "the end of the connections");
  };
  const count = async () => ({
    redis: await total("chat_redis_round_trips_total"),
    cassandra: await total("chat_cassandra_queries_total"),
  });

  test("one message to 1,000 online members: 1 write to Cassandra and at most 3 round trips to Redis", async (t) => {
    const users = Array.from({ length: 1_000 }, (_, index) => `member-${index}`);
    const clients: RawClient[] = [];
    t.after(() => leave(clients));
    for (let from = 0; from < users.length; from += 50) {
      const batch = users.slice(from, from + 50);
      clients.push(...(await Promise.all(batch.map((user, offset) => login(from + offset, user)))));
    }
    const [sender] = clients;
    assert.ok(sender);
    const group = await sender.request("create_conversation", {
      clientId: "all",
      kind: "group",
      memberIds: users.slice(1),
    });
    assert.ok(group.type === "conversation");
    const { id } = group.conversation;
    const everybodyHas = (count: number) =>
      until(() => clients.every((client) => client.messages(id).length === count), `${count} messages`, 60_000);
    // The first may come before the server follows the conversation, and then remembers nothing of it.
    const before = ["first", "second"];
    for (const [index, text] of before.entries()) {
      await sender.sendMessage(id, text);
      await everybodyHas(index + 1);
    }

    const start = await count();
    const messages = 10;
    for (let index = 0; index < messages; index++) await sender.sendMessage(id, `m${index}`);
    await everybodyHas(before.length + messages);
    const end = await count();
    assert.equal(end.cassandra - start.cassandra, messages);
    const trips = end.redis - start.redis;
    assert.ok(trips <= 3 * messages, `${trips} round trips for ${messages} messages`);
  });

  test("one live message to 1,000 subscribers: 1 write to Cassandra and at most 3 round trips to Redis; subscribing costs nothing after the first", async (t) => {
    const publisher = await login(0, "publisher");
    const live = await publisher.request("create_conversation", {
      clientId: "live",
      kind: "live",
      title: "Scores",
      memberIds: [],
      rights: { subscribe: "anyone", publish: "members" },
    });
    assert.ok(live.type === "conversation");
    const { id } = live.conversation;
    const clients: RawClient[] = [];
    t.after(() => leave([publisher, ...clients]));
    for (let from = 0; from < 1_000; from += 50) {
      const batch = Array.from({ length: 50 }, (_, offset) => login(from + offset, `subscriber-${from + offset}`));
      clients.push(...(await Promise.all(batch)));
    }
    // The first of each server, and the first message of the day, which takes a write to the index.
    const subscribe = (client: RawClient) => client.request("subscribe", { conversationId: id });
    for (const client of clients.slice(0, 2)) await subscribe(client);
    await publisher.request("send", { conversationId: id, clientId: "first", text: "0:0" });
    await until(() => clients.slice(0, 2).every((client) => client.messages(id).length === 1), "the first message");

    const before = await count();
    await Promise.all(clients.slice(2).map(subscribe));
    assert.deepEqual(await count(), before, "998 more subscriptions asked nobody");

    const messages = 10;
    const data = Buffer.alloc(500, 7).toString("base64");
    for (let index = 0; index < messages; index++)
      await publisher.request("publish", { conversationId: id, clientId: `d${index}`, data });
    await until(
      () => clients.slice(2).every((client) => client.messages(id).length === messages),
      "all messages",
      60_000,
    );
    const end = await count();
    assert.equal(end.cassandra - before.cassandra, messages);
    const trips = end.redis - before.redis;
    assert.ok(trips <= 3 * messages, `${trips} round trips for ${messages} messages`);

    // Back after one message, all at once: from what the feed has kept.
    const position = clients[2]?.messages(id).at(-2)?.position;
    assert.ok(position);
    await Promise.all(clients.map((client) => client.request("subscribe", { conversationId: id, position })));
    await until(
      () => clients.slice(2).every((client) => client.messages(id).length === messages + 1),
      "the last message again",
      60_000,
    );
    assert.deepEqual(await count(), end, "nobody was asked for what was missed");
  });

  test("a burst to one socket leaves in far fewer writes than messages", async () => {
    const receiver = await login(1, "burst-receiver");
    const senders = await Promise.all(Array.from({ length: 10 }, (_, index) => login(0, `burst-${index}`)));
    const [first] = senders;
    assert.ok(first);
    const group = await first.request("create_conversation", {
      clientId: "burst",
      kind: "group",
      memberIds: ["burst-receiver", ...senders.slice(1).map((_, index) => `burst-${index + 1}`)],
    });
    assert.ok(group.type === "conversation");
    const { id } = group.conversation;
    await receiver.until(() => receiver.frames("conversation_added").length === 1, "the invitation");
    // A moment in which nothing else is under way.
    await first.sendMessage(id, "warm");
    await receiver.until(() => receiver.messages(id).length === 1, "the first message");

    const each = 30;
    const writes = countWrites(portOf(receiver));
    const sending = senders.flatMap((sender, s) =>
      Array.from({ length: each }, (_, index) => sender.sendMessage(id, `${s}-${index}`)),
    );
    await Promise.all(sending);
    const messages = senders.length * each;
    await receiver.until(() => receiver.messages(id).length === 1 + messages, "all messages", 30_000);
    const written = writes.stop();
    assert.ok(written > 0 && written <= messages / 3, `${written} writes for ${messages} messages`);
    for (const client of [receiver, ...senders]) await client.close();
  });
});

/** The client's port, by which the server's end of its connection is known. */
function portOf(client: RawClient): number {
  const socket = (client.webSocket as unknown as { _socket: Socket })._socket;
  const { localPort } = socket;
  assert.ok(localPort !== undefined);
  return localPort;
}

/** Counts what sockets of this process hand to the kernel for one peer: writes, joined ones as one. */
function countWrites(remotePort: number): { stop(): number } {
  const { _write: write, _writev: writev } = Socket.prototype;
  assert.ok(writev);
  let count = 0;
  Socket.prototype._write = function (this: Socket, ...args) {
    if (this.remotePort === remotePort) count++;
    return write.apply(this, args);
  };
  Socket.prototype._writev = function (this: Socket, ...args) {
    if (this.remotePort === remotePort) count++;
    return writev.apply(this, args);
  };
  return {
    stop() {
      Object.assign(Socket.prototype, { _write: write, _writev: writev });
      return count;
    },
  };
}
