import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ChatServerProcess } from "../test/chat-server-process.ts";
import { connectedClient, TIMEOUT_MS } from "../test/connected-client.ts";
import { ChatClient, type ChatClientOptions } from "./index.ts";

let server: ChatServerProcess;
before(async () => {
  server = await ChatServerProcess.start({ CHAT_DRAIN_SECONDS: "2" });
});
test.after(() => server[Symbol.asyncDispose]());

let users = 0;
/** A name that no other test uses. */
const newUser = (name: string) => `${name}-${++users}`;

const clientOf = (userId: string, options?: Partial<ChatClientOptions>) => connectedClient(server, userId, options);

/** For what must come: a test that waits for ever says nothing. */
const soon = () => ({ signal: AbortSignal.timeout(TIMEOUT_MS) });

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test("two users write to each other: in order, with both receipts, and the history has it", async () => {
  const [adaId, bobId] = [newUser("ada"), newUser("bob")];
  using ada = await clientOf(adaId);
  using bob = await clientOf(bobId);
  const added = bob.client.once("conversation", soon());
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: [bobId] });
  assert.equal((await added).id, id);

  const receipts: string[] = [];
  ada.client.on("receipt", ({ kind, upTo, userId }) => receipts.push(`${userId} ${kind} ${upTo}`));
  const sent = await Promise.all(numbers(1, 30).map((text) => ada.client.send(id, text)));
  await bob.has(30);
  assert.deepEqual(bob.texts, numbers(1, 30));
  await ada.has(30);
  assert.deepEqual(ada.texts, numbers(1, 30), "the sender's own device sees the same order");

  const last = sent.at(-1)?.messageId ?? "";
  while (!receipts.includes(`${bobId} delivered ${last}`)) await ada.client.once("receipt", soon());
  bob.client.markRead(id, last);
  while (!receipts.includes(`${bobId} read ${last}`)) await ada.client.once("receipt", soon());

  const { messages, more } = await bob.client.fetchHistory(id, { limit: 10 });
  assert.ok(more);
  assert.deepEqual(
    messages.map(({ text }) => text),
    numbers(21, 30).reverse(),
  );
  const { conversations } = await bob.client.listConversations();
  assert.equal(conversations[0]?.conversation.members.find(({ userId }) => userId === bobId)?.readUpTo, last);
});

test("one name, one message: sent twice, stored and delivered once", async () => {
  const [adaId, bobId] = [newUser("ada"), newUser("bob")];
  using ada = await clientOf(adaId);
  using bob = await clientOf(bobId);
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: [bobId] });
  const first = await ada.client.send(id, "once", { clientId: "same" });
  const second = await ada.client.send(id, "once", { clientId: "same" });
  assert.deepEqual(second, first);
  await ada.client.send(id, "then");
  await bob.has(2);
  assert.deepEqual(bob.texts, ["once", "then"]);
});

test("who was away gets everything in order, once, and not again the next time", async () => {
  const [adaId, bobId] = [newUser("ada"), newUser("bob")];
  using ada = await clientOf(adaId);
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: [bobId] });
  for (const text of numbers(1, 40)) await ada.client.send(id, text);
  {
    using bob = await clientOf(bobId);
    const receipts: string[] = [];
    ada.client.on("receipt", ({ upTo }) => receipts.push(upTo));
    await bob.has(40);
    await ada.client.send(id, "41");
    await bob.has(41);
    assert.deepEqual(bob.texts, numbers(1, 41));
    const last = (await bob.client.fetchHistory(id, { limit: 1 })).messages[0]?.id;
    while (receipts.at(-1) !== last) await ada.client.once("receipt", soon());
  }
  using bob = await clientOf(bobId);
  await ada.client.send(id, "42");
  await bob.has(1);
  assert.deepEqual(bob.texts, ["42"]);
});

test("a group's life through the client: invite, roles, rename, edit, delete, remove, leave", async () => {
  const [adaId, bobId, cyId] = [newUser("ada"), newUser("bob"), newUser("cy")];
  using ada = await clientOf(adaId);
  using bob = await clientOf(bobId);
  using cy = await clientOf(cyId);
  const { id } = await ada.client.createConversation({ kind: "group", memberIds: [bobId], title: "Team" });
  const seen: string[] = [];
  bob.client.on("message", ({ text }) => seen.push(text));
  bob.client.on("conversation_changed", ({ change }) => seen.push(change.type));
  const invited = cy.client.once("conversation", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await ada.client.invite(id, [cyId]);
  assert.equal((await invited).members.length, 3);
  await ada.client.setRole(id, cyId, "admin");
  await cy.client.rename(id, "Crew");
  const { messageId } = await cy.client.send(id, "hello");
  await cy.client.editMessage(id, messageId, "hello all");
  await cy.client.deleteMessage(id, messageId);
  await assert.rejects(bob.client.deleteMessage(id, messageId), { code: "forbidden" });
  const removed = cy.client.once("conversation_removed", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await ada.client.removeMember(id, cyId);
  assert.equal((await removed).conversationId, id);
  await assert.rejects(cy.client.send(id, "again"), { code: "conversation_not_found" });
  await ada.client.send(id, "bye");
  await bob.has(2);
  assert.deepEqual(seen, [
    "members_changed",
    "members_changed",
    "renamed",
    "hello",
    "message_edited",
    "message_deleted",
    "members_changed",
    "bye",
  ]);
  await bob.client.leave(id);
  assert.equal((await bob.client.listConversations()).conversations.length, 0);
});

test("typing and presence are told to who asks, also after a reconnect, and forgotten by themselves", async () => {
  await using own = await ChatServerProcess.start();
  const at = { url: own.url };
  using ada = await clientOf("ada", { ...at, token: own.token("ada") });
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
  const presences: string[] = [];
  ada.client.on("presence", ({ userId, online }) => presences.push(`${userId} ${online}`));
  const told = () => ada.client.once("presence", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  let next = told();
  ada.client.followPresence(id, ["bob"]);
  assert.equal((await next).online, false);
  next = told();
  using bob = await clientOf("bob", { ...at, token: own.token("bob") });
  assert.equal((await next).online, true);

  ada.client.openConversation(id);
  const lost = ada.client.once("disconnected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await own.kill();
  await lost;
  const back = bob.client.once("connected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  next = told();
  await own.restart();
  await Promise.all([back, next]);
  // Sent by both after the restart; the answer to this one comes after ada's renewal was taken.
  await ada.client.listConversations();
  const typing = ada.client.once("typing", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  bob.client.setTyping(id, true);
  assert.deepEqual(await typing, { conversationId: id, userId: "bob", active: true });
  const over = await ada.client.once("typing", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.equal(over.active, false, "forgotten without another word");
  next = told();
  bob.client.close();
  while ((await next).online) next = told();
  assert.ok(presences.includes("bob true"));
});

test("an offline list that overflowed: everything comes all the same, once", async () => {
  await using own = await ChatServerProcess.start({ CHAT_OFFLINE_LIMIT: "10", CHAT_MESSAGES_PER_SECOND: "1000" });
  const at = { url: own.url };
  using ada = await clientOf("ada", { ...at, token: own.token("ada") });
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
  for (const text of numbers(1, 250)) await ada.client.send(id, text);
  using bob = await clientOf("bob", { ...at, token: own.token("bob") });
  await bob.has(250);
  await ada.client.send(id, "251");
  await bob.has(251);
  assert.deepEqual(bob.texts, numbers(1, 251));
});

test("the server is killed under traffic and comes back: nothing acknowledged is lost, nothing comes twice, the order holds", async () => {
  await using own = await ChatServerProcess.start({ CHAT_MESSAGES_PER_SECOND: "1000" });
  const at = { url: own.url };
  using ada = await clientOf("ada", { ...at, token: own.token("ada") });
  using bob = await clientOf("bob", { ...at, token: own.token("bob") });
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
  const sending = numbers(1, 300).map((text) => ada.client.send(id, text));
  await bob.has(100);
  const lost = bob.client.once("disconnected", soon());
  await own.kill();
  await lost;
  await own.restart();
  await Promise.all(sending);
  await bob.has(300);
  await ada.has(300);
  assert.deepEqual(bob.texts, numbers(1, 300));
  assert.deepEqual(ada.texts, numbers(1, 300));
});

test("the server drains and ends under traffic: clients are told, come back to the next one, and nothing is lost or doubled", async () => {
  await using own = await ChatServerProcess.start({ CHAT_MESSAGES_PER_SECOND: "1000", CHAT_DRAIN_SECONDS: "1" });
  const at = { url: own.url };
  using ada = await clientOf("ada", { ...at, token: own.token("ada") });
  using bob = await clientOf("bob", { ...at, token: own.token("bob") });
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
  const sending = numbers(1, 200).map((text) => ada.client.send(id, text));
  await bob.has(50);
  const end = bob.client.once("disconnected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await own.stop();
  assert.equal((await end).code, 4000);
  await own.restart();
  await Promise.all(sending);
  await bob.has(200);
  assert.deepEqual(bob.texts, numbers(1, 200));
});

test("a refused token never connects; the provider is asked again, and its next one does", async () => {
  const userId = newUser("ada");
  const tokens = ["no.such.token", server.token(userId)];
  const errors: string[] = [];
  const client = new ChatClient({
    url: server.url,
    token: () => tokens.shift() ?? "",
    device: { id: "phone" },
    backoff: { baseMs: 50, capMs: 500 },
  });
  client.on("error", ({ code }) => errors.push(code));
  await client.connect({ signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.equal(client.userId, userId);
  assert.equal(errors.length, 1);
  client.close();
});

test("a client that is not let in stops, and says why: a bad token, or more connections than the user may have", async () => {
  await using own = await ChatServerProcess.start({ CHAT_MAX_CONNECTIONS_PER_USER: "1" });
  const refused = async (token: string) => {
    const client = new ChatClient({ url: own.url, token, device: { id: "phone" }, backoff: { baseMs: 10, capMs: 10 } });
    const closed = client.once("closed", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const connecting = assert.rejects(client.connect());
    const { error } = await closed;
    await connecting;
    return error;
  };
  const bad = await refused("no.such.token");
  assert.equal(bad?.code, "unauthenticated");
  assert.match(bad?.message ?? "", /the token is not valid/);
  using ada = await clientOf("ada", { url: own.url, token: own.token("ada") });
  const tooMany = await refused(own.token("ada"));
  assert.equal(tooMany?.code, "too_many_connections");
  assert.ok(ada.client.connected);
});

test("a foreign conversation and an over-long text are refused by name; the connection lives on", async () => {
  const [adaId, bobId, eveId] = [newUser("ada"), newUser("bob"), newUser("eve")];
  using ada = await clientOf(adaId);
  using eve = await clientOf(eveId);
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: [bobId] });
  await assert.rejects(eve.client.send(id, "hello"), { code: "conversation_not_found" });
  await assert.rejects(eve.client.fetchHistory(id), { code: "conversation_not_found" });
  await assert.rejects(ada.client.send(id, "x".repeat(16_385)), { code: "message_too_long" });
  await ada.client.send(id, "still here");
  assert.ok(ada.client.connected && eve.client.connected);
});

test("more than the limit per second is slowed down by the server, and loses nothing", async () => {
  await using own = await ChatServerProcess.start({ CHAT_MESSAGES_PER_SECOND: "20" });
  const at = { url: own.url };
  using ada = await clientOf("ada", { ...at, token: own.token("ada") });
  const { id } = await ada.client.createConversation({ kind: "group", memberIds: ["bob"], title: "busy" });
  await Promise.all(numbers(1, 40).map((text) => ada.client.send(id, text)));
  await ada.has(40);
  assert.deepEqual(ada.texts, numbers(1, 40));
});
