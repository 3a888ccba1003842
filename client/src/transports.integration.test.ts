import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockingProxy } from "../test/blocking-proxy.ts";
import { ChatServerProcess } from "../test/chat-server-process.ts";
import { connectedClient, TIMEOUT_MS } from "../test/connected-client.ts";
import { ChatClient, type Fetch, PollTransport, SseTransport } from "./index.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

for (const transport of [new SseTransport(), new PollTransport(), new PollTransport({ short: true })]) {
  test(`over ${transport.name}: the server is killed under traffic, and everything arrives once and in order`, async () => {
    await using server = await ChatServerProcess.start({ CHAT_MESSAGES_PER_SECOND: "1000" });
    using ada = await connectedClient(server, "ada", { transport });
    using bob = await connectedClient(server, "bob", { transport });
    const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
    const receipts: string[] = [];
    ada.client.on("receipt", ({ kind, upTo }) => receipts.push(`${kind} ${upTo}`));
    const sending = numbers(60).map((text) => ada.client.send(id, text));
    await bob.has(10);
    const lost = bob.client.once("disconnected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await server.kill();
    await lost;
    await server.restart();
    const sent = await Promise.all(sending);
    await bob.has(60);
    await ada.has(60);
    assert.deepEqual(bob.texts, numbers(60));
    assert.deepEqual(ada.texts, numbers(60));
    const last = sent.at(-1)?.messageId;
    while (!receipts.includes(`delivered ${last}`))
      await ada.client.once("receipt", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  });
}

for (const short of [false, true])
  test(`a ${short ? "short" : "long"} poll that another server answers goes on there: the client tells, and follows what it followed`, async () => {
    await using server = await ChatServerProcess.start();
    using ada = await connectedClient(server, "ada");
    let lost = false;
    const fetch: Fetch = (url, init) => {
      // What another server says of a cursor that is not its own.
      if (lost && url.searchParams.get("cursor")) url.searchParams.set("cursor", "anothers-one.1");
      if (init.method !== "POST" || url.pathname !== "/poll") return globalThis.fetch(url, init);
      lost = false;
      return globalThis.fetch(url, init);
    };
    using bob = await connectedClient(server, "bob", { transport: new PollTransport({ short, fetch }) });
    const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
    await ada.client.send(id, "before");
    await bob.has(1);
    bob.client.openConversation(id);
    const ends: object[] = [];
    bob.client.on("disconnected", (end) => ends.push(end));
    const again = bob.client.once("connected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    lost = true;
    await ada.client.send(id, "now");
    await again;
    await bob.has(2);
    const typing = bob.client.once("typing", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const keys = setInterval(() => ada.client.setTyping(id, true), 100);
    const notice = await typing.finally(() => clearInterval(keys));
    assert.equal(notice.userId, "ada");
    await ada.client.send(id, "after");
    await bob.has(3);
    assert.deepEqual(bob.texts, ["before", "now", "after"]);
    assert.deepEqual(ends, [], "nothing was lost meanwhile");
  });

test("where the network holds WebSockets back the client goes on over SSE, and climbs back once it does not", async () => {
  await using server = await ChatServerProcess.start();
  using proxy = await BlockingProxy.start(Number(new URL(server.url).port));
  using ada = await connectedClient(server, "ada");
  const transports: string[] = [];
  const behind = new ChatClient({
    url: `ws://127.0.0.1:${proxy.port}/chat`,
    token: server.token("bob"),
    device: { id: "phone" },
    backoff: { baseMs: 20, capMs: 100 },
    climbAfterMs: 200,
  });
  const texts: string[] = [];
  behind.on("message", ({ text }) => texts.push(text));
  behind.on("connected", ({ transport }) => transports.push(transport));
  await behind.connect({ signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.deepEqual(transports, ["sse"]);
  const { id } = await ada.client.createConversation({ kind: "direct", memberIds: ["bob"] });
  await ada.client.send(id, "over sse");
  while (texts.length < 1) await behind.once("message", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const climbed = behind.once("connected", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  proxy.blocking = false;
  await climbed;
  assert.deepEqual(transports, ["sse", "websocket"]);
  await ada.client.send(id, "over websocket");
  while (texts.length < 2) await behind.once("message", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.deepEqual(texts, ["over sse", "over websocket"]);
  behind.close();
});
