import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { ServerFrame } from "@chatcluster/protocol";
import type { ChatServer } from "../src/server.ts";
import { EventStreamReader } from "./support/event-stream-reader.ts";
import { metric, startTestServer, tokenFor } from "./support/test-server.ts";

interface Polled {
  cursor: string;
  pollAfterMs: number;
  frames: ServerFrame[];
  closed?: { code: number; reason: string };
}

describe("the HTTP side, as a program without our client sees it", () => {
  let server: ChatServer;
  let dataDir = "";
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "chat-"));
    server = await startTestServer({ CHAT_DATA_DIR: dataDir, CHAT_POLL_GRACE_MS: "1000", CHAT_DRAIN_SECONDS: "1" });
  });
  after(async () => {
    await server.stop(0);
    await rm(dataDir, { recursive: true });
  });

  const ask = async (user: string, path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${await tokenFor(user)}`,
        ...(init.body ? { "content-type": "application/json" } : {}),
        ...(init.headers as Record<string, string>),
      },
    });
  const post = (user: string, frame: object) => ask(user, "/frames", { method: "POST", body: JSON.stringify(frame) });
  const direct = async (user: string, other: string): Promise<string> => {
    const create = { type: "create_conversation", id: 1, clientId: "c", kind: "direct", memberIds: [other] };
    const response = await post(user, create);
    assert.equal(response.status, 200);
    return ((await response.json()) as { conversation: { id: string } }).conversation.id;
  };
  const send = async (user: string, conversationId: string, text: string) => {
    const response = await post(user, { type: "send", id: 2, conversationId, clientId: text, text });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as { messageId: string };
  };
  const poll = async (user: string, query: string, init: RequestInit = {}) => {
    const response = await ask(user, `/poll?${query}`, init);
    assert.equal(response.status, 200, await response.clone().text());
    return { etag: response.headers.get("etag") ?? "", ...((await response.json()) as Polled) };
  };
  const login = (id = "d") => ({ method: "POST", body: JSON.stringify({ type: "login", id: 0, device: { id } }) });
  const texts = (frames: ServerFrame[]) =>
    frames.flatMap((frame) => (frame.type === "message" ? frame.message.text : []));

  test("an EventSource is subscribed by requests of its device alone, and its cursor takes the subscription to the next stream", async () => {
    const rights = { subscribe: "anyone", publish: "members" };
    const live = {
      type: "create_conversation",
      id: 1,
      clientId: "l",
      kind: "live",
      memberIds: [],
      title: "Score",
      rights,
    };
    const created = (await (await post("mia", live)).json()) as { conversation: { id: string } };
    const { id } = created.conversation;
    const [phone, laptop] = [
      new EventStreamReader(await ask("noa", "/events?device=phone")),
      new EventStreamReader(await ask("noa", "/events?device=laptop")),
    ];
    for (const stream of [phone, laptop]) await stream.until((frame) => frame.type === "welcome");
    const subscribe = { method: "POST", body: JSON.stringify({ type: "subscribe", id: 5, conversationId: id }) };
    const answer = await (await ask("noa", "/frames?device=phone", subscribe)).json();
    assert.deepEqual(answer, { type: "ok", re: 5 });
    assert.equal((await ask("noa", "/frames?device=a%20b", subscribe)).status, 400);
    const subscribed = await phone.until((frame) => frame.type === "subscribed");
    assert.ok(subscribed.id.startsWith(`${id}:`), "the cursor has it at once");
    await send("mia", id, "one");
    await phone.until((frame) => frame.type === "message" && frame.message.text === "one");
    // What comes after it is the first that the other device hears.
    await send("mia", await direct("mia", "noa"), "over");
    await laptop.until((frame) => {
      assert.ok(frame.type !== "message" || frame.message.conversationId !== id, "another device's subscription");
      return frame.type === "message";
    });
    phone.cancel();
    await send("mia", id, "two");
    const back = new EventStreamReader(
      await ask("noa", "/events?device=phone", { headers: { "last-event-id": subscribed.id } }),
    );
    for (const text of ["one", "two"])
      await back.until((frame) => frame.type === "message" && frame.message.text === text);
    const unsubscribe = { method: "POST", body: JSON.stringify({ type: "unsubscribe", id: 6, conversationId: id }) };
    await ask("noa", "/frames?device=phone", unsubscribe);
    const ended = await back.until((frame) => frame.type === "unsubscribed");
    assert.ok(!ended.id.includes(id), "and the cursor has it no more");
    for (const stream of [back, laptop]) stream.cancel();
    await until(async () => (await metric(server, "chat_open_connections")) === 0, "the server notices");
  });

  test("an event stream: headers, frames as data, a cursor as id, from which another stream goes on", async () => {
    const id = await direct("ann", "ben");
    const response = await ask("ben", "/events?device=d");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.match(response.headers.get("cache-control") ?? "", /no-store/);
    assert.equal(response.headers.get("x-accel-buffering"), "no");
    const stream = new EventStreamReader(response);
    const welcome = await stream.until((frame) => frame.type === "welcome");
    assert.ok(welcome.retryMs >= 1_000, "the time to come back is told");
    assert.equal(welcome.id.split(":")[0], id, "the first cursor holds what the user is a member of");
    await send("ann", id, "one");
    const one = await stream.until((frame) => frame.type === "message");
    assert.notEqual(one.id, welcome.id);
    stream.cancel();
    await until(async () => (await metric(server, "chat_open_connections")) === 0, "the server notices");

    await send("ann", id, "two");
    const back = new EventStreamReader(await ask("ben", "/events?device=d", { headers: { "last-event-id": one.id } }));
    const resumed = await back.until((frame) => frame.type === "resumed");
    assert.ok(resumed.frame.type === "resumed" && resumed.frame.recovered);
    const two = await back.until((frame) => frame.type === "message" && frame.position !== undefined);
    assert.ok(two.frame.type === "message" && two.frame.message.text === "two");
    back.cancel();
    assert.equal((await ask("ben", "/events?device=d", { headers: { "last-event-id": "so:what" } })).status, 400);
    assert.equal((await ask("ben", "/events")).status, 400, "no device");
  });

  test("a long poll holds until there is data; several wait at once; one whose client is gone is let go", async () => {
    const id = await direct("carl", "dora");
    const first = await poll("dora", "wait=0", login());
    const { cursor } = first.frames.length > 0 ? first : await poll("dora", `cursor=${first.cursor}&wait=5`);
    const started = performance.now();
    const gone = new AbortController();
    const waiting = [1, 2].map(() => poll("dora", `cursor=${cursor}&wait=20`));
    const aborted = assert.rejects(poll("dora", `cursor=${cursor}&wait=20`, { signal: gone.signal }));
    gone.abort();
    await aborted;
    await send("carl", id, "hello");
    const answers = await Promise.all(waiting);
    for (const answer of answers) assert.deepEqual(texts(answer.frames), ["hello"]);
    assert.ok(performance.now() - started < 15_000, "not at the end of the wait");
    const lost = await poll("dora", `cursor=${cursor}&wait=0`);
    assert.deepEqual(texts(lost.frames), ["hello"], "an answer that was lost is given again");
    const next = await poll("dora", `cursor=${lost.cursor}&wait=0.3`);
    assert.deepEqual(next.frames, [], "what the cursor covers is not");
    assert.equal((await ask("dora", `/poll?cursor=${next.cursor}`, { method: "DELETE" })).status, 204);
    assert.equal((await ask("dora", `/poll?cursor=${next.cursor}&wait=0`)).status, 409);
  });

  test("a short poll: nothing new is 304, with the time to come again", async () => {
    await poll("emil", "wait=5", login()).then(async ({ cursor }) => {
      const { etag } = await poll("emil", `cursor=${cursor}&wait=0`);
      const nothing = await ask("emil", `/poll?cursor=${cursor}&wait=0`, { headers: { "if-none-match": etag } });
      assert.equal(nothing.status, 304);
      assert.equal(await nothing.text(), "");
      assert.equal(nothing.headers.get("x-poll-after-ms"), "333", "a third of the grace at most");
      const id = await direct("finn", "emil");
      await send("finn", id, "news");
      const news = await ask("emil", `/poll?cursor=${cursor}&wait=0`, { headers: { "if-none-match": etag } });
      assert.equal(news.status, 200);
    });
  });

  test("between two polls the user counts as connected; after the grace what was not acknowledged waits for any device", async () => {
    const id = await direct("gina", "hans");
    await poll("hans", "wait=5", login());
    await send("gina", id, "while-away");
    await until(async () => (await metric(server, "chat_open_connections")) === 0, "the end of the grace", 20_000);
    const later = await poll("hans", "wait=5", login("other"));
    const rest = texts(later.frames).length > 0 ? later : await poll("hans", `cursor=${later.cursor}&wait=5`);
    assert.deepEqual(texts(rest.frames), ["while-away"]);
  });

  test("requests are answered by code and status, and several frames by a line each", async () => {
    const id = await direct("ida", "jan");
    const refused = async (response: Response, status: number, code: string) => {
      assert.equal(response.status, status);
      const body = (await response.json()) as { code: string; message: string };
      assert.equal(body.code, code);
      assert.ok(body.message.length > 0);
    };
    const unsigned = await fetch(`http://127.0.0.1:${server.port}/events?device=d`);
    assert.equal(unsigned.headers.get("www-authenticate"), "Bearer");
    await refused(unsigned, 401, "unauthenticated");
    await refused(
      await post("eve", { type: "send", id: 1, conversationId: id, clientId: "x", text: "x" }),
      404,
      "conversation_not_found",
    );
    await refused(await ask("ida", "/frames", { method: "POST", body: "{" }), 400, "malformed_frame");
    await refused(await post("ida", { type: "dance", id: 1 }), 400, "unknown_type");
    await refused(await post("ida", { type: "login", id: 1, device: { id: "d" } }), 409, "already_logged_in");
    await refused(await ask("ida", "/frames", { method: "POST", body: "x".repeat(300_000) }), 413, "invalid_frame");
    await refused(await ask("ida", "/poll?wait=1000&cursor="), 400, "invalid_frame");
    await refused(await ask("ida", "/poll?cursor=nonsense"), 400, "invalid_frame");
    const xml = { method: "POST", body: "<x/>", headers: { "content-type": "text/xml" } };
    await refused(await ask("ida", "/frames", xml), 415, "malformed_frame");

    const lines = [
      ...["1", "2", "3"].map((text, index) => ({ type: "send", id: index, conversationId: id, clientId: text, text })),
      { type: "resume", id: 7, conversationId: id, position: { epoch: "gone", offset: 0 } },
    ];
    const response = await ask("ida", "/frames", {
      method: "POST",
      body: `${lines.map((line) => JSON.stringify(line)).join("\n")}\nno json\n`,
      headers: { "content-type": "application/x-ndjson" },
    });
    assert.equal(response.status, 200);
    const answers = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as ServerFrame);
    const sent = answers.flatMap((frame) => (frame.type === "sent" ? [frame] : []));
    assert.deepEqual(
      sent.map(({ clientId }) => clientId),
      ["1", "2", "3"],
    );
    assert.deepEqual(
      [...sent].sort((a, b) => (a.messageId < b.messageId ? -1 : 1)),
      sent,
      "in the order of the lines",
    );
    assert.ok(answers.some((frame) => frame.type === "resumed" && frame.re === 7 && !frame.recovered));
    assert.ok(answers.some((frame) => frame.type === "error" && frame.code === "malformed_frame"));
  });

  test("it describes itself", async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/openapi.json`);
    assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
    const { openapi, paths } = (await response.json()) as { openapi: string; paths: Record<string, object> };
    assert.equal(openapi, "3.1.0");
    for (const [path, item] of Object.entries(paths))
      for (const method of Object.keys(item)) {
        const { status } = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: method.toUpperCase() });
        assert.equal(status, 401, `${method} ${path} is there, and wants a token`);
      }
  });

  test("pages of other origins may use it", async () => {
    const preflight = await fetch(`http://127.0.0.1:${server.port}/frames`, { method: "OPTIONS" });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /Authorization/);
  });

  test("who does not read is closed as a slow consumer: a stream that stands still, a queue that nobody fetches", async () => {
    const own = await startTestServer({
      CHAT_DATA_DIR: join(dataDir, "slow"),
      CHAT_MAX_BUFFERED_BYTES: "65536",
      CHAT_MESSAGES_PER_SECOND: "100000",
    });
    const at = async (user: string, path: string, body?: object) =>
      fetch(`http://127.0.0.1:${own.port}${path}`, {
        headers: { authorization: `Bearer ${await tokenFor(user)}`, "content-type": "application/json" },
        ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
      });
    const create = { type: "create_conversation", id: 1, clientId: "c", kind: "group", memberIds: ["mia", "noa"] };
    const { conversation } = (await (await at("leo", "/frames", create)).json()) as { conversation: { id: string } };
    const first = (await (
      await at("mia", "/poll?wait=5", { type: "login", id: 0, device: { id: "d" } })
    ).json()) as Polled;
    // Its body is never asked for, so that it fills what is between, and then the server.
    const silent = await at("noa", "/events?device=d");
    const text = "x".repeat(16_000);
    let count = 0;
    while ((await metric(own, "chat_slow_consumers_total")) < 2) {
      assert.ok(++count < 3_000, "the bound is never reached");
      const send = { type: "send", id: 2, conversationId: conversation.id, clientId: `m${count}`, text };
      assert.equal((await at("leo", "/frames", send)).status, 200);
    }
    let polled = first;
    while (!polled.closed) polled = (await (await at("mia", `/poll?wait=5&cursor=${polled.cursor}`)).json()) as Polled;
    assert.equal(polled.closed.code, 4001);
    await until(async () => (await metric(own, "chat_open_connections")) === 0, "both have left");
    await silent.body?.cancel().catch(() => undefined);
    await own.stop(0);
  });

  test("a drain tells streams and polls to move, and closes them with its code", async () => {
    const own = await startTestServer({ CHAT_DATA_DIR: join(dataDir, "drained") });
    const at = async (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${own.port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${await tokenFor("kai")}`, "content-type": "application/json" },
      });
    const stream = new EventStreamReader(await at("/events?device=d"));
    await stream.until((frame) => frame.type === "welcome");
    const { cursor } = (await (await at("/poll?wait=5", login("e"))).json()) as Polled;
    const stopping = own.stop(1);
    await stream.until((frame) => frame.type === "drain");
    const told = (await (await at(`/poll?wait=5&cursor=${cursor}`)).json()) as Polled;
    assert.deepEqual(
      told.frames.map(({ type }) => type),
      ["drain"],
    );
    assert.equal((await at("/events?device=f")).status, 503);
    const end = (await (await at(`/poll?wait=5&cursor=${told.cursor}`)).json()) as Polled;
    assert.equal(end.closed?.code, 4000);
    assert.equal((await stream.untilClosed()).code, 4000);
    await stopping;
  });
});
