import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeConnection, FakeServer, fakeClient, settle } from "../test/fake-server.ts";
import { ChatError } from "./errors.ts";

test.afterEach(() => mock.timers.reset());

function clock(): void {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

test("a lost connection is made anew after a growing wait, which a stable connection resets", async () => {
  clock();
  const server = new FakeServer();
  const { client } = fakeClient(server);
  const waits: (number | undefined)[] = [];
  client.on("disconnected", ({ retryInMs }) => waits.push(retryInMs));
  await client.connect();

  for (const [expected, connections] of [
    [250, 2],
    [500, 3],
    [1_000, 4],
  ] as const) {
    server.last.drop();
    assert.equal(waits.at(-1), expected);
    await pass(expected - 1);
    assert.equal(server.connections.length, connections - 1, "not before its time");
    await pass(1);
    assert.equal(server.connections.length, connections);
    assert.ok(client.connected);
  }
  await pass(10_000);
  server.last.drop();
  assert.equal(waits.at(-1), 250);
  client.close();
});

test("a server that can't be reached is tried again and again", async () => {
  clock();
  const server = new FakeServer();
  server.accepting = false;
  const { client } = fakeClient(server);
  const errors: string[] = [];
  client.on("error", ({ code }) => errors.push(code));
  const connecting = client.connect();
  await settle();
  for (const wait of [250, 500, 1_000, 2_000]) await pass(wait);
  assert.equal(server.connections.length, 5);
  assert.deepEqual(errors, Array(5).fill("connection_lost"));
  server.accepting = true;
  await pass(4_000);
  await connecting;
  client.close();
});

test("no pong within the server's time: the connection is given up, though nothing closed it", async () => {
  clock();
  const server = new FakeServer();
  const { client } = fakeClient(server);
  await client.connect();
  await pass(30_000);
  assert.equal(server.last.of("ping").length, 1);
  await pass(10_000);
  assert.ok(client.connected, "this ping was answered");

  server.silent.add("ping");
  await pass(20_000);
  assert.equal(server.last.of("ping").length, 2);
  await pass(9_999);
  assert.ok(client.connected);
  await pass(1);
  assert.ok(!client.connected);
  assert.equal(server.last.closedByClient?.code, 4002);
  await pass(250);
  assert.equal(server.connections.length, 2);
  client.close();
});

test("4401 ends the client: no further attempt, open calls and later ones are rejected with the reason", async () => {
  clock();
  const server = new FakeServer();
  const { client } = fakeClient(server);
  const closed = client.once("closed");
  await client.connect();
  const sending = client.send("c1", "hello");
  const listing = client.listConversations();
  await settle();
  server.silent.add("list_conversations");
  server.last.drop(4401, "expired");
  await assert.rejects(sending, { code: "unauthenticated" });
  await listing;
  assert.equal((await closed).error?.code, "unauthenticated");
  await assert.rejects(client.send("c1", "again"), { code: "unauthenticated" });
  await pass(120_000);
  assert.equal(server.connections.length, 1);
});

test("a token provider is asked before each connection, and once more after 4401", async () => {
  clock();
  const server = new FakeServer();
  let count = 0;
  const { client } = fakeClient(server, { token: async () => `token${++count}` });
  await client.connect();
  server.last.drop(4401, "expired");
  await pass(250);
  assert.deepEqual(
    server.connections.map(({ target }) => target.token),
    ["token1", "token2"],
  );
  assert.ok(client.connected);
  server.silent.add("login");
  server.last.drop(4401, "expired");
  await pass(500);
  const closed = client.once("closed");
  server.last.drop(4401, "revoked");
  assert.equal((await closed).error?.code, "unauthenticated");
  assert.equal(server.connections.length, 3);
});

test("a connection that is not let in ends the client with what the server said, unless it may come back", async () => {
  clock();
  const server = new FakeServer();
  const { client } = fakeClient(server);
  const errors: (string | number | undefined)[] = [];
  client.on("error", ({ code, retryAfterMs }) => errors.push(code, retryAfterMs));
  const refuse = (code: "unavailable" | "too_many_connections", closeCode: number) => {
    server.last.emit({ type: "error", code, message: `it is ${code}`, retryAfterMs: 3_000 });
    server.last.drop(closeCode);
  };
  server.open = (target, events) => {
    const connection = new FakeConnection(server, target, events);
    server.connections.push(connection);
    return connection;
  };
  const closed = client.once("closed");
  const connecting = client.connect();
  await settle();
  refuse("unavailable", 4003);
  await settle();
  assert.deepEqual(errors, ["unavailable", 3_000]);
  await pass(2_999);
  assert.equal(server.connections.length, 1, "the server's wish is kept");
  await pass(1);
  assert.equal(server.connections.length, 2);
  refuse("too_many_connections", 4429);
  const { error } = await closed;
  assert.equal(error?.code, "too_many_connections");
  assert.match(error?.message ?? "", /it is too_many/);
  await assert.rejects(connecting, { code: "too_many_connections" });
  await pass(120_000);
  assert.equal(server.connections.length, 2);
});

test("a draining server is left in its time without a gap: the new connection logs in before the old one goes", async () => {
  clock();
  const server = new FakeServer();
  const { client } = fakeClient(server);
  let lost = 0;
  client.on("disconnected", () => lost++);
  await client.connect();
  const old = server.last;
  const sending = client.send("c1", "under way");
  await settle();
  old.emit({ type: "drain", afterMs: 3_000 }, { type: "drain", afterMs: 3_000 });
  await pass(2_999);
  assert.equal(server.connections.length, 1);
  await pass(1);
  assert.equal(server.connections.length, 2);
  assert.ok(client.connected);
  assert.equal(old.closedByClient, undefined, "it still owes an answer");
  const [send] = old.of("send");
  assert.ok(send);
  const sent = { conversationId: "c1", clientId: send.clientId, messageId: "1", sentAt: 1 };
  old.emit({ type: "sent", re: send.id, ...sent });
  assert.deepEqual(await sending, sent);
  assert.equal(server.connections[0]?.closedByClient?.code, 1000);
  assert.equal(server.last.of("send").length, 0);
  assert.equal(lost, 0);
  client.close();
});

test("close() and an aborted connect() end everything at once", async () => {
  clock();
  const server = new FakeServer();
  server.silent.add("login");
  const { client } = fakeClient(server);
  const abort = new AbortController();
  const connecting = client.connect({ signal: abort.signal });
  await settle();
  abort.abort(new Error("enough"));
  await assert.rejects(connecting, /enough/);
  assert.equal(server.last.closedByClient?.code, 1000);
  await pass(60_000);
  assert.equal(server.connections.length, 1);

  const second = fakeClient(new FakeServer()).client;
  await second.connect();
  const sending = second.send("c1", "never");
  second.close();
  await assert.rejects(sending, (error) => error instanceof ChatError && error.code === "closed");
});

test("garbage from the server ends the connection, not the client", async () => {
  clock();
  for (const garbage of ["{", "[]", "null", '{"type":7}', '{"type":"message","message":{"id":1}}']) {
    const server = new FakeServer();
    const { client } = fakeClient(server);
    await client.connect();
    server.last.emitText(garbage);
    assert.ok(!client.connected, garbage);
    await pass(250);
    assert.ok(client.connected);
    server.last.emitText('{"type":"of_a_newer_server"}');
    assert.ok(client.connected, "an unknown type is passed over");
    client.close();
  }
});
