import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { ClientFrame, ServerFrame } from "@chatcluster/protocol";
import { event, FakeServer, fakeClient, message, position, settle } from "../test/fake-server.ts";
import { history, resumed } from "../test/log-answers.ts";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
test.afterEach(() => mock.timers.reset());

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

test("a duplicate, from the log or the offline list, reaches the application once", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(2), event(2), event(1), event(3));
  server.last.emit({ type: "message", message: message(2) }, { type: "message", message: message(3) });
  assert.deepEqual(messages, ["1", "2", "3"]);
  client.close();
});

test("a gap: the events behind it wait, the server resumes from the last one, and all come in order", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(4), event(5));
  assert.deepEqual(messages, ["1"]);
  await settle();
  const [resume, ...others] = server.last.of("resume");
  assert.ok(resume);
  assert.equal(others.length, 0, "asked once");
  assert.deepEqual(resume.position, position(1));
  server.last.emit(resumed(true, 5, "e1", resume.id), event(2), event(3), event(4), event(5), event(6));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "4", "5", "6"]);
  client.close();
});

test("what the server announced does not come: it is asked again", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(3));
  await settle();
  const [first] = server.last.of("resume");
  server.last.emit(resumed(true, 3, "e1", first?.id));
  await settle();
  await pass(10_000);
  const [, second] = server.last.of("resume");
  assert.ok(second);
  server.last.emit(resumed(true, 3, "e1", second.id), event(2), event(3));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3"]);
  client.close();
});

test("a reconnect resumes from the last position; live events that overtake the replay wait for it", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(2));
  server.last.drop();
  await pass(250);
  assert.deepEqual(server.last.of("login")[0]?.positions, { c1: position(2) });
  server.last.emit(event(5), resumed(true, 4), event(3), event(4));
  // The offline list has them too.
  for (const n of [3, 4, 5]) server.last.emit({ type: "message", message: message(n) });
  assert.deepEqual(messages, ["1", "2", "3", "4", "5"]);
  client.close();
});

test("what comes from the offline list to a live conversation waits for the events that it overtook", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1));
  // Another device of the user died, and what it had not acknowledged is put on the list.
  server.last.emit({ type: "message", message: message(4) });
  await settle();
  assert.deepEqual(messages, ["1"]);
  const [resume] = server.last.of("resume");
  assert.ok(resume);
  assert.deepEqual(resume.position, position(1));
  server.last.emit(event(2), resumed(true, 4, "e1", resume.id));
  await settle();
  server.last.emit(event(3), event(4));
  assert.deepEqual(messages, ["1", "2", "3", "4"]);
  client.close();
});

test("the offline list of a resumed conversation is merged in its place", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1));
  server.last.drop();
  await pass(250);
  for (const n of [2, 3, 4]) server.last.emit({ type: "message", message: message(n) });
  server.last.emit(resumed(true, 3), event(2), event(3));
  assert.deepEqual(messages, ["1", "2", "3"], "what came after the question may have overtaken something");
  await settle();
  const [resume] = server.last.of("resume");
  server.last.emit(resumed(true, 3, "e1", resume?.id));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "4"]);
  await pass(50);
  assert.equal(server.last.of("receipt").at(-1)?.upTo, message(4).id);
  client.close();
});

for (const [name, overtaking] of [
  ["a message of the offline list", { type: "message", message: message(7) }],
  ["an event of a log that began meanwhile", { type: "message", message: message(7), position: position(2, "e3") }],
] satisfies [string, ServerFrame][])
  test(`${name} that comes while the history is read does not overtake one that is not in it`, async () => {
    const server = new FakeServer();
    const answers: (() => void)[] = [];
    const read = history(5);
    server.responder = (frame) => {
      const answer = read(frame);
      if (!answer) return undefined;
      answers.push(() => server.last.emit(answer));
      return undefined;
    };
    const { client, messages } = fakeClient(server);
    await client.connect();
    server.last.emit(event(1));
    server.last.drop();
    await pass(250);
    server.last.emit(resumed(false, 5, "e2"));
    await settle();
    // The last page is on its way when 6, one's own from another device, and 7 are sent.
    for (const page of [2, 3, 4]) {
      if (page === 4) server.last.emit(overtaking);
      answers.shift()?.();
      await settle();
    }
    assert.deepEqual(messages, ["1", "2", "3", "4", "5"]);
    const [resume] = server.last.of("resume");
    assert.deepEqual(resume?.position, position(5, "e2"));
    server.last.emit(resumed(true, 7, "e2", resume?.id), event(6, "e2"), event(7, "e2"));
    await settle();
    assert.deepEqual(messages, ["1", "2", "3", "4", "5", "6", "7"]);
    client.close();
  });

for (const [name, answer, nextEpoch] of [
  ["a new epoch", resumed(false, 2, "e2"), "e2"],
  ["a log that no longer reaches back", resumed(false, 90), "e1"],
] as const) {
  test(`${name}: the history is read after the last message, page by page, before what is live`, async () => {
    const server = new FakeServer();
    server.responder = history(7);
    const { client, messages } = fakeClient(server);
    await client.connect();
    server.last.emit(event(1), event(2));
    server.last.drop();
    await pass(250);
    assert.equal(answer.type, "resumed");
    const { offset } = (answer as Extract<ServerFrame, { type: "resumed" }>).position;
    server.last.emit(
      answer,
      { type: "message", message: message(8), position: position(offset + 1, nextEpoch) },
      { type: "message", message: message(9), position: position(offset + 2, nextEpoch) },
    );
    assert.deepEqual(messages, ["1", "2"], "what is live waits");
    await settle();
    assert.deepEqual(messages, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    server.last.drop();
    await pass(500);
    assert.deepEqual(server.last.of("login")[0]?.positions, { c1: position(offset + 2, nextEpoch) });
    client.close();
  });
}

test("an event of another epoch in mid-stream is a gap like any other", async () => {
  const server = new FakeServer();
  server.responder = history(4);
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1));
  server.last.emit({ type: "message", message: message(4), position: position(1, "e2") });
  await settle();
  const [resume] = server.last.of("resume");
  server.last.emit(resumed(false, 1, "e2", resume?.id));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "4"]);
  server.last.emit({ type: "message", message: message(5), position: position(2, "e2") });
  assert.equal(messages.at(-1), "5");
  assert.equal(server.last.of("resume").length, 1);
  client.close();
});

test("a connection lost while the history is read: the next one takes over, and nothing comes twice", async () => {
  const server = new FakeServer();
  const full = history(7);
  let pages = 0;
  server.responder = (frame) => (frame.type === "fetch_history" && pages++ > 0 ? undefined : full(frame));
  const { client, messages } = fakeClient(server);
  await client.connect();
  server.last.emit(event(1), event(2));
  server.last.drop();
  await pass(250);
  server.last.emit(resumed(false, 2, "e2"));
  await settle();
  assert.equal(pages, 2);
  server.responder = full;
  server.last.drop();
  await pass(500);
  assert.deepEqual(server.last.of("login")[0]?.positions, { c1: position(2) }, "not yet the new epoch's");
  server.last.emit(resumed(false, 2, "e2"));
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "4", "5", "6", "7"]);
  client.close();
});

test("a conversation is known from the list: even its first event may show a gap", async () => {
  const server = new FakeServer();
  server.responder = (frame) =>
    frame.type === "list_conversations"
      ? {
          type: "conversations",
          re: frame.id,
          conversations: [
            {
              conversation: { id: "c1", kind: "group", createdBy: "bob", createdAt: 1, members: [{ userId: "ada" }] },
              position: position(4),
              lastMessage: message(4),
            },
          ],
        }
      : undefined;
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  // Sent before the list was read, and still on its way: not to be lost.
  server.last.emit(event(4));
  server.last.emit(event(6));
  await settle();
  const [resume] = server.last.of("resume");
  assert.deepEqual(resume?.position, position(4));
  server.last.emit(resumed(true, 6, "e1", resume?.id), event(5), event(6));
  await settle();
  assert.deepEqual(messages, ["4", "5", "6"]);
  client.close();
});

test("an overflown offline list: the history is read from where the user's deliveries had ended", async () => {
  const server = new FakeServer();
  const readHistory = history(5);
  server.responder = (frame) =>
    frame.type === "list_conversations"
      ? {
          type: "conversations",
          re: frame.id,
          conversations: [
            {
              conversation: {
                id: "c1",
                kind: "group",
                createdBy: "bob",
                createdAt: 1,
                members: [{ userId: "ada", deliveredUpTo: message(2).id }],
              },
              position: position(5),
              lastMessage: message(5),
            },
          ],
        }
      : readHistory(frame);
  const { client, messages } = fakeClient(server);
  // All in one turn of the event loop, as one packet may bring it.
  server.silent.add("login");
  server.silent.add("list_conversations");
  const connecting = client.connect();
  await settle();
  const login = server.last.of("login")[0] as ClientFrame;
  server.silent.clear();
  server.last.emit(server.answer(login) as ServerFrame, { type: "offline_overflow" });
  for (const n of [4, 5]) server.last.emit({ type: "message", message: message(n) });
  server.last.emit(event(6));
  await connecting;
  await settle();
  assert.deepEqual(messages, ["3", "4", "5", "6"]);
  client.close();
});

test("a member no longer: the conversation is let go with an error, and not asked for for ever", async () => {
  const server = new FakeServer();
  server.responder = (frame) =>
    frame.type === "resume"
      ? { type: "error", re: frame.id, code: "conversation_not_found", message: "no such conversation" }
      : undefined;
  const { client } = fakeClient(server);
  const errors: string[] = [];
  client.on("error", ({ code }) => errors.push(code));
  await client.connect();
  server.last.emit(event(1), event(3));
  await settle();
  assert.deepEqual(errors, ["conversation_not_found"]);
  await pass(60_000);
  assert.equal(server.last.of("resume").length, 1);
  client.close();
});

test("changes take their place among the messages: they close gaps, wait for gaps, and come once", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  client.on("conversation_changed", ({ change }) => messages.push(change.type));
  await client.connect();
  const changed = (offset: number): ServerFrame => ({
    type: "conversation_changed",
    conversationId: "c1",
    change: { type: "renamed", by: "bob", at: 1, title: `title ${offset}` },
    position: position(offset),
  });
  server.last.emit(event(1), changed(2), event(3));
  assert.deepEqual(messages, ["1", "renamed", "3"]);
  assert.equal(server.last.of("resume").length, 0, "a change is no gap");

  server.last.emit(changed(5));
  await settle();
  assert.deepEqual(messages, ["1", "renamed", "3"], "it waits for what is missing");
  const [resume] = server.last.of("resume");
  assert.deepEqual(resume?.position, position(3));
  server.last.emit(
    { type: "resumed", re: resume?.id ?? 0, conversationId: "c1", recovered: true, position: position(5) },
    event(4),
    changed(5),
  );
  await settle();
  assert.deepEqual(messages, ["1", "renamed", "3", "4", "renamed"]);
  server.last.emit({ type: "conversation_removed", conversationId: "c1" });
  server.last.drop();
  assert.deepEqual(messages, ["1", "renamed", "3", "4", "renamed"]);
  client.close();
});

test("what waits of the offline list comes before newer messages, also if those arrive while the server is being asked", async () => {
  const server = new FakeServer();
  server.responder = (frame) =>
    frame.type === "list_conversations"
      ? {
          type: "conversations",
          re: frame.id,
          conversations: [
            {
              conversation: { id: "c1", kind: "group", createdBy: "bob", createdAt: 1, members: [{ userId: "ada" }] },
              position: position(4),
            },
          ],
        }
      : undefined;
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  // The list is read at the server after the conversations have been listed; somebody writes at the same time.
  server.last.emit(
    { type: "message", message: message(4) },
    { type: "message", message: message(3) },
    event(5),
    event(6),
  );
  assert.deepEqual(messages, ["3", "4", "5", "6"]);
  client.close();
});

test("after an overflow a device reads on from what it has had itself, and takes up the new log", async () => {
  const server = new FakeServer();
  const { client, messages } = fakeClient(server);
  await client.connect();
  await settle();
  // A conversation that is made while the device is there.
  const conversation = { id: "c1", kind: "group", createdBy: "bob", createdAt: 1 } as const;
  server.last.emit({
    type: "conversation_added",
    conversation: { ...conversation, members: [{ userId: "ada" }, { userId: "bob" }] },
    position: position(0),
  });
  server.last.emit(event(1));
  const answers = history(4);
  server.responder = (frame) =>
    frame.type === "list_conversations"
      ? {
          type: "conversations",
          re: frame.id,
          conversations: [
            {
              // Another device of the user has had more.
              conversation: { ...conversation, members: [{ userId: "ada", deliveredUpTo: message(3).id }] },
              position: position(3, "e2"),
            },
          ],
        }
      : answers(frame);
  server.last.emit(
    resumed(false, 3, "e2"),
    { type: "offline_overflow" },
    {
      type: "message",
      message: message(4),
      position: position(4, "e2"),
    },
  );
  await settle();
  assert.deepEqual(messages, ["1", "2", "3", "4"]);
  assert.equal(server.last.of("resume").length, 0, "the position of the new log is known");
  client.close();
});
