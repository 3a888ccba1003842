import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { ServerFrame } from "@chatcluster/protocol";
import { event, FakeServer, fakeClient, message, position, settle } from "../test/fake-server.ts";
import { history, resumed } from "../test/log-answers.ts";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
test.afterEach(() => mock.timers.reset());

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

const conversation = {
  id: "c1",
  kind: "group",
  createdBy: "bob",
  createdAt: 1,
  members: [{ userId: "ada" }, { userId: "bob" }],
} as const;
const group: Extract<ServerFrame, { type: "conversation_added" }>["conversation"] = {
  ...conversation,
  members: [...conversation.members],
};

test("who was invited reads nothing of before the invitation when the log is lost", async () => {
  const server = new FakeServer();
  server.responder = history(5);
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(
    { type: "conversation_added", conversation: group, position: position(2), after: message(2).id },
    event(3),
    resumed(false, 0, "e2"),
  );
  await settle();
  assert.equal(server.last.of("fetch_history")[0]?.after, message(2).id);
  assert.deepEqual(messages, ["3", "4", "5"]);
  client.close();
});

test("an invitation that came while the device was away: the history since then, and what follows waits for it", async () => {
  const server = new FakeServer();
  server.responder = history(4);
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(
    { type: "conversation_added", conversation: group, after: message(2).id },
    // Of the offline list, of before or after `resumed` as it happens.
    { type: "message", message: message(4) },
    resumed(false, 4),
    event(5),
    { type: "message", message: message(3) },
  );
  await settle();
  assert.deepEqual(messages, ["3", "4", "5"]);
  server.last.drop();
  await pass(250);
  assert.deepEqual(server.last.of("login")[0]?.positions, { c1: position(5) });
  client.close();
});

test("an invitation of while the device was away, and a connection that ends before the history has come: the next one begins anew", async () => {
  const server = new FakeServer();
  server.silent.add("fetch_history");
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  const invited: ServerFrame[] = [
    { type: "conversation_added", conversation: group, after: message(2).id },
    resumed(false, 4),
  ];
  server.last.emit(...invited, event(5));
  server.last.drop();
  server.silent.delete("fetch_history");
  server.responder = history(6);
  await pass(250);
  assert.deepEqual(
    server.last.of("login")[0]?.positions ?? {},
    {},
    "the event's place is not where its knowledge begins",
  );
  server.last.emit(...invited.slice(0, 1), resumed(false, 6), event(7));
  await settle();
  assert.deepEqual(messages, ["3", "4", "5", "6", "7"]);
  client.close();
});

test("what the offline list has of before the invitation is acknowledged, and not handed over", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(
    { type: "conversation_added", conversation: group, position: position(2), after: message(2).id },
    { type: "message", message: message(1) },
    { type: "message", message: message(2) },
    event(3),
  );
  await settle();
  assert.deepEqual(messages, ["3"]);
  assert.equal(server.last.of("resume").length, 0);
  await pass(50);
  assert.equal(server.last.of("receipt").at(-1)?.upTo, message(3).id);
  client.close();
});

test("who was invited again reads on from the invitation after an overflow, not from the end of the first stay", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  server.last.emit({ type: "conversation_added", conversation: group, position: position(0) }, event(1), {
    type: "conversation_removed",
    conversationId: "c1",
  });
  const answers = history(5);
  server.responder = (frame) =>
    frame.type === "list_conversations"
      ? {
          type: "conversations",
          re: frame.id,
          conversations: [
            {
              conversation: { ...group, members: [{ userId: "ada", joinedAt: 2 }] },
              position: position(5),
            },
          ],
        }
      : answers(frame);
  server.last.emit({ type: "offline_overflow" });
  await settle();
  assert.deepEqual(messages, ["1", "3", "4", "5"], "2 was sent between the two");
  client.close();
});

test("a login says that its positions are of all conversations, once they have been listed", async () => {
  const server = new FakeServer();
  server.silent.add("list_conversations");
  const { client } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1));
  server.last.drop();
  server.silent.delete("list_conversations");
  await pass(250);
  await settle();
  server.last.drop();
  await pass(500);
  assert.deepEqual(
    server.connections.map((one) => one.of("login")[0]?.complete),
    [undefined, undefined, true],
  );
  client.close();
});

test("who leaves and is invited again gets nothing a second time", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(2), { type: "conversation_removed", conversationId: "c1" });
  const members = [{ userId: "ada" }, { userId: "bob" }];
  server.last.emit({
    type: "conversation_added",
    conversation: { id: "c1", kind: "group", createdBy: "bob", createdAt: 1, members },
    position: position(4),
  });
  // The offline list still has what the client was given just before it was removed, and something that it was not.
  server.last.emit({ type: "message", message: message(2) }, { type: "message", message: message(3) });
  await settle();
  const [resume] = server.last.of("resume");
  server.last.emit(resumed(true, 4, "e1", resume?.id), event(5));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "5"]);
  client.close();
});
