import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { event, FakeServer, fakeClient, message, position, settle } from "../test/fake-server.ts";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
test.afterEach(() => mock.timers.reset());

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

const receipts = (server: FakeServer) =>
  server.last.of("receipt").map(({ kind, upTo }) => `${kind} ${upTo.slice(4, 10)}`);

test("many messages, one receipt: gathered and cumulative; none for the user's own", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server);
  await client.connect();
  await settle();
  for (let n = 1; n <= 100; n++) server.last.emit(event(n));
  server.last.emit({ type: "message", message: message(101, "ada"), position: position(101) });
  await pass(49);
  assert.deepEqual(receipts(server), []);
  await pass(1);
  assert.deepEqual(receipts(server), ["delivered 000100"]);
  client.markRead("c1", message(99).id);
  client.markRead("c1", message(98).id);
  await pass(50);
  assert.deepEqual(receipts(server), ["delivered 000100", "read 000099"]);
  await pass(60_000);
  assert.equal(receipts(server).length, 2);
  client.close();
});

test("an unacknowledged receipt is sent again on the next connection, with what came since", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server);
  await client.connect();
  await settle();
  server.silent.add("receipt");
  server.last.emit(event(1));
  await pass(50);
  server.last.emit(event(2));
  server.last.drop();
  server.silent.clear();
  await pass(250);
  assert.deepEqual(receipts(server), ["delivered 000002"]);
  client.close();
});

test("a message of the offline list is acknowledged each time it comes, or the list would keep it", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  for (let time = 1; time <= 2; time++) {
    server.last.emit({ type: "message", message: message(7) });
    await pass(50);
    assert.equal(receipts(server).length, time);
  }
  assert.deepEqual(messages, ["7"]);
  client.close();
});

test("a server that is busy is asked again when it says", async () => {
  const server = new FakeServer();
  let busy = true;
  server.responder = (frame) =>
    frame.type === "receipt" && busy
      ? { type: "error", re: frame.id, code: "unavailable", message: "later", retryAfterMs: 900 }
      : undefined;
  const { client } = fakeClient(server);
  await client.connect();
  await settle();
  server.last.emit(event(1));
  await pass(50);
  busy = false;
  await pass(899);
  assert.equal(receipts(server).length, 1);
  await pass(1);
  assert.equal(receipts(server).length, 2);
  await pass(60_000);
  assert.equal(receipts(server).length, 2);
  client.close();
});
