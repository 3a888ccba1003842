import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ChatClient } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import { MAX_MEMBERS, type ServerFrame } from "@chatcluster/protocol";
import { clusterBackend } from "./support/cluster.ts";
import { RawClient } from "./support/raw-client.ts";
import { readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

async function startAll(servers: readonly Variables[], stop: () => Promise<unknown>) {
  const started = await Promise.all(servers.map((variables) => startTestServer(variables)));
  for (const server of started) await until(async () => (await readiness(server)).status === 200, "readiness", 120_000);
  return {
    servers: started,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((server) => server.stop(0)));
      await stop();
    },
  };
}

async function embedded(variables: Variables = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), "chat-limits-"));
  const started = await startAll([{ CHAT_DATA_DIR: dataDir, ...variables }], () => rm(dataDir, { recursive: true }));
  const [server = assert.fail()] = started.servers;
  return { ...started, server };
}

const codeOf = (frame: ServerFrame) => (frame.type === "error" ? frame.code : frame.type);

describe("limits, each with a named error", () => {
  test("requests per second of a user, over all transports together", async () => {
    await using started = await embedded({ CHAT_REQUESTS_PER_SECOND: "5" });
    const { port } = started.server;
    const token = await tokenFor("alice");
    const alice = await RawClient.login(port, token);
    const bob = await RawClient.login(port, await tokenFor("bob"));
    const answers = await Promise.all(Array.from({ length: 60 }, () => alice.ask("list_conversations", {})));
    assert.deepEqual(answers.slice(0, 10).map(codeOf), Array(10).fill("conversations"), "two seconds' worth at once");
    const refusals = answers.filter(({ type }) => type !== "conversations");
    assert.ok(refusals.length > 0);
    for (const answer of refusals) {
      assert.ok(answer.type === "error" && answer.code === "rate_limited");
      assert.ok((answer.retryAfterMs ?? 0) > 0 && (answer.retryAfterMs ?? 0) <= 200, `${answer.retryAfterMs}`);
    }
    assert.equal((await alice.request("ping", {})).type, "pong");
    assert.equal(codeOf(await bob.ask("list_conversations", {})), "conversations", "another user has its own");

    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const address = `http://127.0.0.1:${port}`;
    // Uses up what came back meanwhile.
    await Promise.all(Array.from({ length: 5 }, () => alice.ask("list_conversations", {})));
    const body = JSON.stringify({ type: "list_conversations", id: 1 });
    const posted = await fetch(`${address}/frames`, { method: "POST", headers, body });
    assert.equal(posted.status, 429);
    assert.equal(posted.headers.get("retry-after"), "1");
    assert.equal(((await posted.json()) as { code: string }).code, "rate_limited");

    const login = JSON.stringify({ type: "login", id: 1, device: { id: "poller" } });
    const begun = await fetch(`${address}/poll?wait=0`, { method: "POST", headers, body: login });
    assert.equal(begun.status, 200, "a login is one of a connection: not counted");
    const { cursor } = (await begun.json()) as { cursor: string };
    const polls = await Promise.all(
      Array.from({ length: 12 }, () =>
        fetch(`${address}/poll?wait=0&cursor=${encodeURIComponent(cursor)}`, { headers }),
      ),
    );
    const refused = polls.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0, `polls count too: ${polls.map(({ status }) => status)}`);

    await until(async () => (await alice.ask("list_conversations", {})).type === "conversations", "it passes");
    await Promise.all([alice.close(), bob.close()]);
  });

  test("new connections per second of a server: a storm is told to come again, and those who are there notice nothing", async () => {
    await using started = await embedded({ CHAT_CONNECTIONS_PER_SECOND: "2" });
    const { port } = started.server;
    const [alice, bob] = [
      await RawClient.login(port, await tokenFor("alice")),
      await RawClient.login(port, await tokenFor("bob")),
    ];
    const { conversation } = await alice.createDirect("bob");
    const storm = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => RawClient.connect(port, await tokenFor(`user-${index}`))),
    );
    const sent = await alice.sendMessage(conversation.id, "in-the-storm");
    await bob.until(() => bob.messages().some(({ message }) => message.id === sent.messageId), "the message");
    const turnedAway = () => storm.filter(({ closed }) => closed);
    await until(() => turnedAway().length >= 25, "those turned away");
    for (const client of turnedAway()) {
      assert.equal(client.closed?.code, 4003, "reconnect after the usual back-off");
      const [error] = client.frames("error");
      assert.equal(error?.code, "rate_limited");
      assert.ok((error?.retryAfterMs ?? 0) > 0);
    }
    const events = await fetch(`http://127.0.0.1:${port}/events?device=d&token=${await tokenFor("carol")}`);
    assert.equal(events.status, 429);
    assert.equal(((await events.json()) as { code: string }).code, "rate_limited");

    const strangers = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(port, "nonsense")));
    await until(() => strangers.every(({ closed }) => closed?.code === 4401), "strangers, who use nothing up");

    const client = new ChatClient({
      url: `ws://127.0.0.1:${port}/chat`,
      token: await tokenFor("dave"),
      device: { id: "d" },
      backoff: { baseMs: 100, capMs: 1_000 },
    });
    await client.connect({ signal: AbortSignal.timeout(60_000) });
    client.close();
    await Promise.all([alice, bob, ...storm].map((each) => each.close()));
  });

  const backends = {
    "one server": async () => {
      const dataDir = await mkdtemp(join(tmpdir(), "chat-limits-"));
      return startAll([{ CHAT_DATA_DIR: dataDir }], () => rm(dataDir, { recursive: true }));
    },
    "two servers": async () => {
      const { servers, redis } = await clusterBackend(2);
      return startAll(servers, () => redis.stop());
    },
  };
  test("a message's size, members and subscriptions, as the welcome tells", async () => {
    await using started = await embedded({
      CHAT_MAX_TEXT_LENGTH: "10",
      CHAT_MAX_DATA_BYTES: "6",
      CHAT_MAX_MEMBERS: "3",
      CHAT_MAX_SUBSCRIPTIONS: "1",
    });
    const { port } = started.server;
    const token = await tokenFor("alice");
    const alice = await RawClient.login(port, token);
    const [welcome] = alice.frames("welcome");
    assert.deepEqual(welcome?.limits, { textLength: 10, dataBytes: 6, members: 3, subscriptions: 1 });

    const group = (clientId: string, ...memberIds: string[]) =>
      alice.ask("create_conversation", { clientId, kind: "group", memberIds });
    assert.equal(codeOf(await group("four", "bob", "carol", "dan")), "too_many_members");
    const created = await group("two", "bob");
    assert.ok(created.type === "conversation");
    const conversationId = created.conversation.id;
    const invite = (clientId: string, ...userIds: string[]) =>
      alice.ask("invite", { conversationId, clientId, userIds });
    assert.equal(codeOf(await invite("i1", "carol", "dan")), "too_many_members");
    assert.equal(codeOf(await invite("i2", "carol")), "ok");

    const send = (clientId: string, text: string) => alice.ask("send", { conversationId, clientId, text });
    assert.equal(codeOf(await send("m1", "x".repeat(11))), "message_too_long");
    const sent = await send("m2", "x".repeat(10));
    assert.ok(sent.type === "sent");
    const edit = { conversationId, clientId: "e1", messageId: sent.messageId, text: "x".repeat(11) };
    assert.equal(codeOf(await alice.ask("edit_message", edit)), "message_too_long");

    const live = await Promise.all(
      ["one", "two"].map(async (clientId) => {
        const rights = { subscribe: "anyone", publish: "anyone" } as const;
        const answer = await alice.ask("create_conversation", {
          clientId,
          kind: "live",
          title: clientId,
          memberIds: [],
          rights,
        });
        assert.ok(answer.type === "conversation");
        return answer.conversation.id;
      }),
    );
    const [one = "", two = ""] = live;
    assert.equal(codeOf(await alice.ask("subscribe", { conversationId: one })), "subscribed");
    assert.equal(codeOf(await alice.ask("subscribe", { conversationId: two })), "too_many_subscriptions");
    const publish = (clientId: string, bytes: number) =>
      alice.ask("publish", { conversationId: one, clientId, data: Buffer.alloc(bytes).toString("base64") });
    assert.equal(codeOf(await publish("p1", 7)), "message_too_long");
    assert.equal(codeOf(await publish("p2", 6)), "sent");

    // The same over HTTP, each with its status.
    const post = async (frame: object) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const body = JSON.stringify({ id: 1, ...frame });
      const answer = await fetch(`http://127.0.0.1:${port}/frames`, { method: "POST", headers, body });
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    const long = { type: "send", conversationId, clientId: "m3", text: "x".repeat(11) };
    assert.deepEqual(await post(long), [413, "message_too_long"]);
    const many = { type: "invite", conversationId, clientId: "i3", userIds: ["dan"] };
    assert.deepEqual(await post(many), [409, "too_many_members"]);
    await alice.close();
  });

  for (const [name, backend] of Object.entries(backends))
    test(`members of a group, whoever invites at the same moment: ${name}`, async () => {
      await using started = await backend();
      const clients = await Promise.all(
        [0, 1, 2, 3].map(async (index) => {
          const { port = 0 } = started.servers[index % started.servers.length] ?? {};
          return RawClient.login(port, await tokenFor("alice"), { device: { id: `device-${index}` } });
        }),
      );
      const [alice = assert.fail()] = clients;
      const memberIds = Array.from({ length: MAX_MEMBERS - 5 }, (_, index) => `member-${index}`);
      const created = await alice.request("create_conversation", { clientId: "g", kind: "group", memberIds });
      assert.ok(created.type === "conversation");
      const conversationId = created.conversation.id;
      // There is room for four: for one of these.
      const answers = await Promise.all(
        [...clients, ...clients].map((client, index) => {
          const userIds = Array.from({ length: 4 }, (_, guest) => `guest-${index}-${guest}`);
          return client.ask("invite", { conversationId, clientId: `invite-${index}`, userIds });
        }),
      );
      assert.deepEqual(answers.map(codeOf).toSorted(), ["ok", ...Array(7).fill("too_many_members")]);
      const listed = await alice.request("list_conversations", {});
      assert.ok(listed.type === "conversations");
      assert.equal(listed.conversations[0]?.conversation.members.length, MAX_MEMBERS);
      // The group goes on at once: nothing is held by those that were refused.
      await alice.sendMessage(conversationId, "after");
      await Promise.all(clients.map((client) => client.close()));
    });
});
