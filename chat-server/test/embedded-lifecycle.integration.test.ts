import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { CloseCode } from "@chatcluster/protocol";
import { SignJWT } from "jose";
import { ChildServer, runServer } from "./support/child-server.ts";
import { RawClient } from "./support/raw-client.ts";
import { ADMIN_TOKEN, COMMON, metric, readiness, SECRET, startTestServer, tokenFor } from "./support/test-server.ts";

describe("the life of a server", () => {
  let dataDir = "";
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "chat-"));
  });
  after(() => rm(dataDir, { recursive: true }));
  const variables = (more: Record<string, string> = {}) => ({ CHAT_DATA_DIR: dataDir, ...more });
  const admin = (server: { adminPort: number }, path: string, body?: object, token = ADMIN_TOKEN) =>
    fetch(`http://127.0.0.1:${server.adminPort}${path}`, {
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });

  test("a killed embedded server keeps every acknowledged message, and knows its retries", async () => {
    const first = await ChildServer.start(variables());
    const alice = await RawClient.login(first.port, await tokenFor("alice"));
    const { conversation } = await alice.createDirect("bob");
    const sent = [await alice.sendMessage(conversation.id, "1"), await alice.sendMessage(conversation.id, "2")];
    await first.kill();

    const second = await ChildServer.start(variables());
    const again = await RawClient.login(second.port, await tokenFor("alice"));
    assert.equal((await again.sendMessage(conversation.id, "2")).messageId, sent[1]?.messageId);
    const third = await again.sendMessage(conversation.id, "3");
    assert.ok(third.messageId > (sent[1]?.messageId ?? ""));
    const history = await again.request("fetch_history", { conversationId: conversation.id });
    assert.deepEqual(history.type === "history" && history.messages.map((m) => m.text), ["3", "2", "1"]);
    const bob = await RawClient.login(second.port, await tokenFor("bob"));
    await bob.until(() => bob.messages().length >= 3, "the offline list");
    assert.deepEqual(bob.texts(), ["1", "2", "3"]);
    await Promise.all([again.close(), bob.close()]);
    assert.equal(await second.terminate(), 0);
  });

  test("wrong configuration names itself and ends with a non-zero status", async () => {
    const wrong = await runServer({ CHAT_BACKEND: "cluster", CHAT_PORT: "99999", CHAT_JWT_SECRET: "short" });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /CHAT_PORT/);
    assert.match(wrong.stderr, /CHAT_JWT_SECRET/);
    assert.doesNotMatch(wrong.stderr, /short|99999/);
    const incomplete = await runServer({ CHAT_BACKEND: "cluster" });
    assert.equal(incomplete.status, 1);
    for (const name of ["CHAT_REDIS_URL", "CHAT_CASSANDRA_CONTACT_POINTS", "CHAT_JWT_SECRET"])
      assert.match(incomplete.stderr, new RegExp(name));
    const unusable = await runServer({ ...COMMON, CHAT_DATA_DIR: fileURLToPath(import.meta.url) });
    assert.equal(unusable.status, 1);
    assert.match(unusable.stderr, /CHAT_DATA_DIR/);
  });

  test("a bad token is refused with its code, and an expired one ends the connection", async () => {
    const server = await startTestServer(variables());
    const upgrade = async (path: string) => {
      const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
      const [response] = (await once(request({ port: server.port, path, headers }).end(), "response")) as [
        IncomingMessage,
      ];
      return { status: response.statusCode, body: (await json(response)) as { code: string; message: string } };
    };
    const key = new TextEncoder().encode(SECRET);
    const sign = (claims: Record<string, unknown>, secret = key) =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(secret);
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"sub":"alice"}').toString("base64url")}.`;
    const bad = [
      undefined,
      "nonsense",
      none,
      "x".repeat(9_000),
      await sign({ sub: "alice" }, new TextEncoder().encode("y".repeat(32))),
      await sign({ sub: "alice", exp: 1 }),
      await sign({ sub: "a b" }),
      await sign({}),
    ];
    for (const token of bad) {
      const client = await RawClient.connect(server.port, token ?? "");
      assert.equal((await client.untilClosed()).code, CloseCode.Unauthenticated, token?.slice(0, 40));
      assert.deepEqual(
        client.received.map((frame) => frame.type === "error" && frame.code),
        ["unauthenticated"],
      );
    }
    assert.equal(await metric(server, "chat_open_connections"), 0, "one that is refused is not counted");
    const refused = await upgrade("/chat?token=nonsense");
    assert.equal(refused.status, 401);
    assert.equal(refused.body.code, "unauthenticated");
    assert.match(refused.body.message, /token/);
    assert.equal((await upgrade("/elsewhere")).status, 404);
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/chat`)).status, 426);

    const short = await sign({ sub: "alice", exp: Math.ceil(Date.now() / 1_000) - 3 });
    const client = await RawClient.connect(server.port, short);
    assert.equal((await client.untilClosed()).code, CloseCode.Unauthenticated);
    await server.stop(0);
  });

  test("a slow consumer is closed with its code, and nobody else suffers", async () => {
    const server = await startTestServer(variables({ CHAT_MESSAGES_PER_SECOND: "100000" }));
    const [alice, bob, carol] = await Promise.all(
      ["alice", "bob", "carol"].map(async (user) => RawClient.login(server.port, await tokenFor(user))),
    );
    assert.ok(alice && bob && carol);
    const body = { clientId: "slow", kind: "group" as const, memberIds: ["bob", "carol"] };
    const created = await alice.request("create_conversation", body);
    assert.ok(created.type === "conversation");
    const { id } = created.conversation;
    await bob.until(
      () => bob.frames("conversation_added").some((frame) => frame.conversation.id === id),
      "bob's invitation",
    );
    bob.webSocket.pause();
    let count = 0;
    const text = "x".repeat(16_000);
    while ((await metric(server, "chat_slow_consumers_total")) === 0) {
      assert.ok(count < 2_000, "the bound is never reached");
      await Promise.all(Array.from({ length: 20 }, () => alice.sendMessage(id, `slow-${count++}`, text)));
    }
    await carol.until(() => carol.messages(id).length >= count, "everything, to the one that reads");
    bob.webSocket.resume();
    assert.equal((await bob.untilClosed()).code, CloseCode.SlowConsumer);
    const position = bob.messages(id).at(-1)?.position;
    assert.ok(position);
    const back = await RawClient.login(server.port, await tokenFor("bob"), { positions: { [id]: position } });
    await back.until(() => back.messages(id).some((frame) => frame.position?.offset === count), "the rest");
    const offsets = [...bob.messages(id), ...back.messages(id)].map((frame) => frame.position?.offset);
    assert.deepEqual([...new Set(offsets.filter((offset) => offset !== undefined))].length, count, "no hole");
    await Promise.all([alice.close(), carol.close(), back.close()]);
    await server.stop(0);
  });

  test("a drain tells the clients to move, refuses new ones, and closes what is left", async () => {
    const server = await startTestServer(variables());
    const client = await RawClient.login(server.port, await tokenFor("alice"));
    assert.equal((await admin(server, "/admin/status", undefined, "wrong token, long enough")).status, 401);
    assert.equal((await admin(server, "/admin/drain", { seconds: -1 })).status, 400);
    const answer = await admin(server, "/admin/drain", { seconds: 1 });
    assert.equal(answer.status, 202);
    const { connections, draining, drained } = (await answer.json()) as Record<string, unknown>;
    assert.deepEqual({ connections, draining, drained }, { connections: 1, draining: true, drained: false });
    assert.equal((await readiness(server)).status, 503);
    const told = await client.until(() => client.frames("drain")[0], "the drain frame");
    assert.ok(told.afterMs <= 1_000);
    const late = await RawClient.connect(server.port, await tokenFor("bob"));
    assert.equal((await late.untilClosed()).code, CloseCode.Unavailable);
    assert.equal(late.frames("error")[0]?.code, "unavailable");
    assert.equal((await client.untilClosed()).code, CloseCode.Draining);
    await until(async () => {
      const status = (await (await admin(server, "/admin/status")).json()) as { drained: boolean };
      return status.drained;
    }, "drained");
    await server.stop(0);
  });

  test("a client that answers no ping is closed, one that does not log in as well", async () => {
    const server = await startTestServer(
      variables({ CHAT_PING_INTERVAL_MS: "200", CHAT_PONG_TIMEOUT_MS: "200", CHAT_LOGIN_TIMEOUT_MS: "400" }),
    );
    const silent = await RawClient.connect(server.port, await tokenFor("alice"), { autoPong: false });
    const idle = await RawClient.connect(server.port, await tokenFor("bob"));
    const alive = await RawClient.login(server.port, await tokenFor("carol"));
    assert.equal((await silent.untilClosed()).code, CloseCode.PongTimeout);
    assert.equal((await idle.untilClosed()).code, CloseCode.LoginTimeout);
    assert.equal((await alive.ask("ping", {})).type, "pong");
    await alive.close();
    await server.stop(0);
  });
});
