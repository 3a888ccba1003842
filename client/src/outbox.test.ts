import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { ClientFrame, ServerFrame } from "@chatcluster/protocol";
import { FakeServer, fakeClient, settle } from "../test/fake-server.ts";
import { MemoryOutboxStore, type OutboxEntry } from "./store.ts";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
test.afterEach(() => mock.timers.reset());

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

const HOUR_MS = 60 * 60 * 1_000;

/** Stores each message once, as the real server does, and names it after its `clientId`. */
function acknowledge(frame: ClientFrame): ServerFrame | undefined {
  if (frame.type !== "send") return undefined;
  const { id, conversationId, clientId } = frame;
  return { type: "sent", re: id, conversationId, clientId, messageId: `id-${clientId}`, sentAt: 5 };
}

test("a message whose acknowledgement was lost with the connection goes out again under the same name", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server);
  await client.connect();
  const sending = client.send("c1", "hello");
  await settle();
  const [first] = server.last.of("send");
  server.last.drop();
  server.responder = acknowledge;
  await pass(250);
  const [second] = server.last.of("send");
  assert.ok(first && second);
  assert.equal(second.clientId, first.clientId);
  assert.equal((await sending).messageId, `id-${first.clientId}`);
  await pass(60_000);
  assert.equal(server.last.of("send").length, 1, "acknowledged: never again");
  client.close();
});

test("no answer on a connection that lives: sent again under the same name", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server, { requestTimeoutMs: 5_000 });
  await client.connect();
  const sending = client.send("c1", "hello", { clientId: "m1" });
  await settle();
  server.responder = acknowledge;
  await pass(5_000);
  await pass(250);
  assert.deepEqual(
    server.last.of("send").map(({ clientId }) => clientId),
    ["m1", "m1"],
  );
  await sending;
  client.close();
});

test("messages of one conversation keep their order, also when one is turned away for a while", async () => {
  const server = new FakeServer();
  let limited = 2;
  server.responder = (frame) => {
    if (frame.type !== "send") return undefined;
    if (frame.conversationId === "c1" && limited-- > 0)
      return { type: "error", re: frame.id, code: "rate_limited", message: "slow down", retryAfterMs: 700 };
    return acknowledge(frame);
  };
  const { client } = fakeClient(server);
  const order: string[] = [];
  client.on("sent", ({ clientId }) => order.push(clientId));
  await client.connect();
  const all = ["a", "b", "c"].map((clientId) => client.send("c1", clientId, { clientId }));
  all.push(client.send("c2", "x", { clientId: "x" }));
  await settle();
  assert.deepEqual(order, ["x"], "another conversation does not wait");
  await pass(699);
  assert.equal(server.last.of("send").filter(({ conversationId }) => conversationId === "c1").length, 1);
  await pass(1);
  await pass(700);
  await Promise.all(all);
  assert.deepEqual(order, ["x", "a", "b", "c"]);
  client.close();
});

test("a final refusal rejects that message and lets the next one go", async () => {
  const server = new FakeServer();
  server.responder = (frame) =>
    frame.type === "send" && frame.text === "bad"
      ? { type: "error", re: frame.id, code: "conversation_not_found", message: "no such conversation" }
      : acknowledge(frame);
  const { client } = fakeClient(server);
  const failed: string[] = [];
  client.on("send_failed", ({ entry, error }) => failed.push(`${entry.text}: ${error.code}`));
  await client.connect();
  const bad = assert.rejects(client.send("c1", "bad"), { code: "conversation_not_found" });
  await client.send("c1", "good");
  await bad;
  assert.deepEqual(failed, ["bad: conversation_not_found"]);
  assert.equal(server.last.of("send").length, 2);
  client.close();
});

test("past the idempotency window, counted from when it first left, a message is refused and not sent again", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server);
  const early = client.send("c1", "written long before the first connection");
  await pass(30 * HOUR_MS);
  server.responder = acknowledge;
  await client.connect();
  await early;
  assert.equal(server.last.of("send").length, 1, "written and taken from the store, but sent once");

  server.responder = () => undefined;
  const late = assert.rejects(client.send("c1", "never acknowledged", { clientId: "late" }), { code: "expired" });
  await settle();
  server.last.drop();
  server.accepting = false;
  await pass(24 * HOUR_MS);
  server.responder = acknowledge;
  server.accepting = true;
  await pass(30_000);
  await late;
  assert.deepEqual(server.last.of("send"), []);
  client.close();
});

test("what an earlier life left in the store is sent, in order; what is acknowledged leaves the store", async () => {
  const store = new MemoryOutboxStore();
  for (const clientId of ["a", "b"]) await store.put({ clientId, conversationId: "c1", text: clientId, createdAt: 1 });
  const server = new FakeServer();
  server.responder = acknowledge;
  const { client } = fakeClient(server, { outbox: store });
  const sent: string[] = [];
  client.on("sent", ({ clientId }) => sent.push(clientId));
  await client.connect();
  await settle();
  assert.deepEqual(sent, ["a", "b"]);
  assert.deepEqual(await store.load(), []);
  server.silent.add("send");
  server.responder = () => undefined;
  const unsent = assert.rejects(client.send("c1", "c", { clientId: "c" }), { code: "closed" });
  await settle();
  client.close();
  await unsent;
  assert.deepEqual(
    (await store.load()).map(({ clientId, firstSentAt }) => [clientId, firstSentAt]),
    [["c", 1_000_000]],
  );
});

test("what another page left comes to a live client too, and the store is told of the client's end", async () => {
  class SharedStore extends MemoryOutboxStore {
    inherit: (entries: OutboxEntry[]) => void = () => assert.fail("not loaded");
    closed = false;
    override load(inherit?: (entries: OutboxEntry[]) => void): Promise<OutboxEntry[]> {
      if (inherit) this.inherit = inherit;
      return super.load();
    }
    close(): void {
      this.closed = true;
    }
  }
  const store = new SharedStore();
  const server = new FakeServer();
  const { client } = fakeClient(server, { outbox: store });
  const sent: string[] = [];
  client.on("sent", ({ clientId }) => sent.push(clientId));
  await client.connect();
  const left = ["a", "b"].map((clientId) => ({ clientId, conversationId: "c1", text: clientId, createdAt: 1 }));
  for (const entry of left) await store.put(entry);
  store.inherit(left);
  assert.deepEqual(
    client.unsent.map(({ clientId }) => clientId),
    ["a", "b"],
  );
  server.responder = acknowledge;
  await pass(15_000);
  await pass(250);
  assert.deepEqual(sent, ["a", "b"]);
  assert.deepEqual(client.unsent, []);
  assert.deepEqual(await store.load(), []);
  client.close();
  assert.ok(store.closed);
  store.inherit(left);
  assert.deepEqual(client.unsent, [], "for whoever loads the store next");
});

test("an aborted message leaves the outbox and is not sent", async () => {
  const store = new MemoryOutboxStore();
  const server = new FakeServer();
  const { client } = fakeClient(server, { outbox: store });
  const abort = new AbortController();
  const sending = client.send("c1", "no", { signal: abort.signal });
  await settle();
  abort.abort(new Error("changed my mind"));
  await assert.rejects(sending, /changed my mind/);
  await client.connect();
  await settle();
  assert.deepEqual(server.last.of("send"), []);
  assert.deepEqual(await store.load(), []);
  client.close();
});

test("a store that fails is named, and the message is not called sent", async () => {
  class FullStore extends MemoryOutboxStore {
    override put(_: OutboxEntry): Promise<void> {
      return Promise.reject(new Error("quota exceeded"));
    }
  }
  const { client } = fakeClient(new FakeServer(), { outbox: new FullStore() });
  await assert.rejects(client.send("c1", "hello"), { code: "store_failed" });
});
