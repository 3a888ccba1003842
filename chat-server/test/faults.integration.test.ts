import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { Redis as RedisService } from "@chatcluster/local/services";
import { Redis } from "ioredis";
import type { ChatServer } from "../src/server.ts";
import { change, created } from "./contract/contract-context.ts";
import { ChildServer } from "./support/child-server.ts";
import { clusterBackend } from "./support/cluster.ts";
import { CuttableProxy } from "./support/cuttable-proxy.ts";
import { RawClient } from "./support/raw-client.ts";
import { StoredMessages } from "./support/stored-messages.ts";
import { metric, readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

const STARTING_MS = 120_000;
let counter = 0;
const names = (...users: string[]) => {
  counter++;
  return users.map((user) => `${user}-${counter}-${Date.now().toString(36)}`);
};

describe("what fails between two servers", () => {
  let redis: RedisService;
  let proxy: CuttableProxy;
  let behindProxy: Variables;
  let variables: Variables;
  let server: ChatServer;
  let inspect: Redis;
  let rows: StoredMessages;

  const ready = (one: { adminPort: number }) =>
    until(async () => (await readiness(one)).status === 200, "readiness", STARTING_MS);
  const login = async (port: number, user: string, body?: Parameters<typeof RawClient.login>[2]) =>
    RawClient.login(port, await tokenFor(user), body);
  /** A pair with a conversation: alice on a server of hers, bob on the one that stays. */
  const pair = async (port: number) => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(port, a), await login(server.port, b)];
    const { conversation } = await alice.createDirect(b);
    await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
    await alice.sendMessage(conversation.id, "first");
    await bob.until(() => bob.texts().includes("first"), "the first message");
    return { a, b, alice, bob, id: conversation.id };
  };
  const historyOf = async (client: RawClient, conversationId: string) => {
    const answer = await client.request("fetch_history", { conversationId, limit: 100 });
    assert.ok(answer.type === "history");
    return answer.messages.reverse();
  };

  before(async () => {
    const backend = await clusterBackend(2);
    redis = backend.redis;
    variables = backend.servers[0] ?? {};
    const [, port] = (variables.CHAT_CASSANDRA_CONTACT_POINTS ?? "").split(":");
    proxy = await CuttableProxy.start(Number(port));
    behindProxy = { ...backend.servers[1], CHAT_CASSANDRA_CONTACT_POINTS: `127.0.0.1:${proxy.port}` };
    server = await startTestServer(variables);
    await ready(server);
    inspect = new Redis(redis.url);
    rows = new StoredMessages(variables);
    // Restarts of Redis are part of the tests.
    inspect.on("error", () => undefined);
  });
  after(async () => {
    inspect?.disconnect();
    await rows?.close();
    await server?.stop(0);
    proxy?.close();
    await redis?.stop();
  });

  for (const stored of [false, true]) {
    test(`a server killed between reserving and committing (${stored ? "stored" : "not stored"}) holds nobody up`, async (t) => {
      const child = await ChildServer.start(behindProxy);
      t.after(() => child.kill());
      await ready(child);
      const { a, alice, bob, id } = await pair(child.port);
      if (stored) proxy.holdAnswers();
      else proxy.holdRequests();
      alice.post("send", { conversationId: id, clientId: "cut-off", text: "cut-off" });
      await until(async () => (await inspect.zcard(`conversation:{${id}}:pending`)) === 1, "the reservation");
      if (stored) await until(async () => (await rows.count(id)) === 2, "the stored row");
      const behind = await bob.sendMessage(id, "behind");
      assert.equal(bob.texts().includes("behind"), false, "what waits for an earlier one is not delivered before it");
      const placed = (await historyOf(bob, id)).map((message) => message.text);
      assert.deepEqual(placed, ["first"], "nor is it in the history, where the earlier one would come in before it");
      await child.kill();

      await bob.until(() => bob.texts().includes("behind"), "what was held up");
      assert.deepEqual(bob.texts(), stored ? ["first", "cut-off", "behind"] : ["first", "behind"]);
      const back = await login(server.port, a);
      const retried = await back.sendMessage(id, "cut-off");
      const last = await back.sendMessage(id, "last");
      await bob.until(() => bob.texts().includes("last"), "the last message");
      const texts = stored ? ["first", "cut-off", "behind", "last"] : ["first", "behind", "cut-off", "last"];
      assert.deepEqual(bob.texts(), texts);
      const history = await historyOf(bob, id);
      assert.deepEqual(
        history.map((message) => message.text),
        texts,
        "the history has the order of the delivery",
      );
      for (const sent of [behind, retried, last]) assert.ok(history.some((message) => message.id === sent.messageId));
      assert.equal(await inspect.zcard(`conversation:{${id}}:pending`), 0);
      await Promise.all([bob.close(), back.close()]);
      proxy.cut();
      proxy.restore();
    });
  }

  test("a user of a killed server is sent to the history, and then missed nothing", async () => {
    const child = await ChildServer.start({ ...behindProxy, CHAT_REGISTRY_TTL_MS: "1000" });
    await ready(child);
    const { a, bob, id } = await pair(child.port);
    await child.kill();
    // The registration of the dead server is still there: nothing is put on the offline list.
    await bob.sendMessage(id, "meanwhile");
    await until(async () => (await inspect.exists(`user:{${a}}:server`)) === 0, "the end of the registration");
    await bob.sendMessage(id, "later");
    const alice = await login(server.port, a);
    await alice.until(() => alice.frames("offline_overflow").length === 1, "the overflow");
    const history = await historyOf(alice, id);
    assert.deepEqual(
      history.map((message) => message.text),
      ["first", "meanwhile", "later"],
    );
    await Promise.all([alice.close(), bob.close()]);
  });

  test("invitations and removals that were published while a server had lost its subscriptions reach its users afterwards", async (t) => {
    const toRedis = await CuttableProxy.start(Number(new URL(redis.url).port));
    const far = await startTestServer({
      ...variables,
      CHAT_SERVER_ID: "far",
      CHAT_REDIS_URL: `redis://127.0.0.1:${toRedis.port}`,
    });
    t.after(async () => {
      await far.stop(0);
      toRedis.close();
    });
    await ready(far);
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, bob] = [await login(server.port, a), await login(far.port, b)];
    const ended = await created(alice, [b, c]);
    await alice.sendMessage(ended, "first");
    // Told of it he is before his server has joined it.
    await bob.until(() => bob.texts(ended).includes("first"), "a message of the first group");
    toRedis.cut();
    const begun = await created(alice, [b, c]);
    await alice.sendMessage(begun, "meanwhile");
    await alice.request("remove_member", { ...change("1", ended), userId: b });
    toRedis.restore();
    await bob.until(() => bob.frames("conversation_removed").some((f) => f.conversationId === ended), "the removal");
    await bob.until(() => bob.frames("resumed").some((f) => f.conversationId === begun), "the other group");
    assert.deepEqual(
      (await historyOf(bob, begun)).map(({ text }) => text),
      ["meanwhile"],
    );
    await alice.sendMessage(begun, "live");
    await bob.until(() => bob.texts(begun).includes("live"), "what follows");
    await Promise.all([alice.close(), bob.close()]);
  });

  test("one message between two online users costs one write and at most three round trips", async () => {
    const other = await startTestServer({ ...variables, CHAT_SERVER_ID: "other", CHAT_REGISTRY_TTL_MS: "600000" });
    await ready(other);
    const { alice, bob, id } = await pair(other.port);
    const count = async () => ({
      redis: await metric(other, "chat_redis_round_trips_total"),
      cassandra:
        (await metric(other, "chat_cassandra_queries_total")) + (await metric(server, "chat_cassandra_queries_total")),
    });
    const start = await count();
    const messages = 20;
    for (let index = 0; index < messages; index++) await alice.sendMessage(id, `m${index}`);
    await bob.until(() => bob.texts().length >= messages + 1, "all messages");
    const end = await count();
    assert.equal(end.cassandra - start.cassandra, messages);
    assert.ok(
      end.redis - start.redis <= 3 * messages,
      `${end.redis - start.redis} round trips for ${messages} messages`,
    );
    await Promise.all([alice.close(), bob.close()]);
    await other.stop(0);
  });

  test("Cassandra away: errors that say so, and recovery without a restart", async () => {
    const other = await startTestServer({ ...behindProxy, CHAT_SERVER_ID: "other" });
    await ready(other);
    const { alice, bob, id } = await pair(other.port);
    proxy.cut();
    const refused = await alice.ask("send", { conversationId: id, clientId: "away", text: "away" });
    assert.equal(refused.type === "error" && refused.code, "unavailable");
    assert.ok(refused.type === "error" && (refused.retryAfterMs ?? 0) > 0);
    const { missing } = await until(async () => {
      const state = await readiness(other);
      return state.status === 503 && state;
    }, "not ready");
    assert.match(missing.join(), /Cassandra/);
    proxy.restore();
    await ready(other);
    const sent = await until(async () => {
      const answer = await alice.ask("send", { conversationId: id, clientId: "away", text: "away" });
      return answer.type === "sent" && answer;
    }, "the retry");
    await bob.until(() => bob.messages().some((frame) => frame.message.id === sent.messageId), "the message");
    assert.equal(bob.texts().filter((text) => text === "away").length, 1);
    await Promise.all([alice.close(), bob.close()]);
    await other.stop(0);
  });

  test("Redis restarts: clients are told to read the history, retries are still known, and all goes on", async () => {
    const { alice, bob, id } = await pair(server.port);
    await redis.kill();
    const refused = await alice.ask("send", { conversationId: id, clientId: "away", text: "away" });
    assert.equal(refused.type === "error" && refused.code, "unavailable");
    assert.match((await readiness(server)).missing.join(), /Redis/);
    await redis.restart();
    await ready(server);
    const resumed = await bob.until(
      () => bob.frames("resumed").find((frame) => frame.conversationId === id),
      "resumed",
    );
    assert.equal(resumed.recovered, false);
    const first = bob.messages(id)[0]?.message.id;
    assert.equal((await alice.sendMessage(id, "first")).messageId, first, "a retry over the restart");
    const sent = await alice.sendMessage(id, "away");
    const event = await bob.until(() => bob.messages(id).find((f) => f.message.id === sent.messageId), "the message");
    assert.deepEqual(event.position, { epoch: resumed.position.epoch, offset: resumed.position.offset + 1 });
    assert.deepEqual(
      (await historyOf(bob, id)).map((message) => message.text),
      ["first", "away"],
    );
    await Promise.all([alice.close(), bob.close()]);
  });

  test("Redis restarts while a message is on its way to Cassandra: it is stored once, and its retry is known", async (t) => {
    const child = await ChildServer.start(behindProxy);
    t.after(() => child.kill());
    await ready(child);
    const { a, alice, bob, id } = await pair(child.port);
    proxy.holdRequests();
    alice.post("send", { conversationId: id, clientId: "on-its-way", text: "on-its-way" });
    await until(async () => (await inspect.zcard(`conversation:{${id}}:pending`)) === 1, "the reservation");
    await redis.kill();
    await redis.restart();
    await ready(server);
    // It arrives when nobody knows of it any more, and its sender never hears that it did.
    proxy.holdAnswers();
    proxy.releaseRequests();
    await until(async () => (await rows.count(id)) === 2, "the stored row");
    await child.kill();
    await bob.until(() => bob.frames("resumed").some((frame) => !frame.recovered), "the new log");

    const back = await login(server.port, a);
    const { messageId } = await back.sendMessage(id, "on-its-way");
    const history = await historyOf(bob, id);
    assert.deepEqual(
      history.map((message) => message.text),
      ["first", "on-its-way"],
    );
    assert.equal(history[1]?.id, messageId);
    await Promise.all([bob.close(), back.close()]);
    proxy.cut();
    proxy.restore();
  });

  test("Redis hangs: requests are refused in time, and when it wakes up all goes on where it was", async () => {
    const { alice, bob, id } = await pair(server.port);
    const epoch = bob.messages(id)[0]?.position?.epoch;
    redis.pause();
    const asked = performance.now();
    const refused = await alice.ask("send", { conversationId: id, clientId: "hung", text: "hung" });
    assert.equal(refused.type === "error" && refused.code, "unavailable");
    assert.ok(performance.now() - asked < 5_000, "within the time of a command");
    await until(async () => /Redis/.test((await readiness(server)).missing.join()), "not ready", 15_000);
    redis.resume();
    await ready(server);
    const sent = await alice.sendMessage(id, "hung");
    const event = await bob.until(() => bob.messages(id).find((f) => f.message.id === sent.messageId), "the message");
    assert.equal(event.position?.epoch, epoch, "it was the same run: nothing can have been lost");
    assert.deepEqual(bob.texts(id), ["first", "hung"]);
    assert.deepEqual(bob.frames("resumed"), []);
    await Promise.all([alice.close(), bob.close()]);
  });

  test("Redis loses everything: the order goes on after what Cassandra has", async () => {
    const { alice, bob, id } = await pair(server.port);
    await until(() => inspect.status === "ready", "the connection for looking");
    await inspect.flushall();
    const sent = await alice.sendMessage(id, "after");
    const resumed = await bob.until(
      () => bob.frames("resumed").find((frame) => frame.conversationId === id),
      "resumed",
    );
    assert.equal(resumed.recovered, false);
    const history = await historyOf(bob, id);
    assert.deepEqual(
      history.map((message) => message.text),
      ["first", "after"],
    );
    assert.equal(history[1]?.id, sent.messageId);
    await Promise.all([alice.close(), bob.close()]);
  });

  test("neither there at the start: not ready, and ready once they are", async () => {
    const away = await CuttableProxy.start(redis.port);
    away.cut();
    proxy.cut();
    const other = await startTestServer({
      ...behindProxy,
      CHAT_SERVER_ID: "other",
      CHAT_REDIS_URL: `redis://127.0.0.1:${away.port}`,
    });
    const { status, missing } = await readiness(other);
    assert.equal(status, 503);
    assert.match(missing.join(), /Redis.*Cassandra/);
    const early = await RawClient.connect(other.port, await tokenFor("early"));
    const answer = await early.ask("login", { device: { id: "d" } });
    assert.equal(answer.type === "error" && answer.code, "unavailable");
    assert.equal((await early.untilClosed()).code, 4003);
    away.restore();
    proxy.restore();
    await ready(other);
    const late = await login(other.port, "late");
    await late.close();
    await other.stop(0);
    away.close();
  });
});
