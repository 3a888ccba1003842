import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { CloseCode, encodeSend, MAX_SUBSCRIPTIONS } from "@chatcluster/protocol";
import { type ContractContext, codeOf, names } from "./contract-context.ts";
import { createLive, OPEN, subscribe } from "./live-context.ts";

/** What there is only where all goes over one connection in both directions: a WebSocket. Over HTTP requests are answered one by one. */
export function promiseOneConnection({ connect, login }: ContractContext): void {
  test("what breaks the rules of a connection ends it", async () => {
    const [a = ""] = names("alice");
    const early = await connect(0, a);
    const refused = await early.ask("list_conversations", {});
    assert.equal(refused.type === "error" && refused.code, "login_required");
    await early.login();
    for (let count = 0; count < 10; count++) early.sendText("garbage");
    assert.equal((await early.untilClosed()).code, CloseCode.ProtocolViolation);

    const large = await login(0, a);
    large.sendText("x".repeat(70_000));
    assert.equal((await large.untilClosed()).code, 1009);
  });

  test("binary frames carry the same as JSON both ways, and one that can't be read is an error", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const alice = await login(0, a);
    const id = await createLive(alice, OPEN);
    const { position } = await subscribe(alice, id);
    const [bob, carol] = [await login(1, b, { binary: true }), await login(0, c)];
    for (const client of [bob, carol]) await subscribe(client, id);
    const ask = async (requestId: number, content: string | Uint8Array, conversationId = id) => {
      bob.webSocket.send(encodeSend({ id: requestId, conversationId, clientId: `b${requestId}`, content }));
      return bob.until(() => bob.received.find((frame) => "re" in frame && frame.re === requestId), "the answer");
    };
    const contents = [new Uint8Array([0, 1, 255]), "\ufeffgrüße", new Uint8Array(48_000).fill(9)];
    for (const [index, content] of contents.entries()) assert.equal((await ask(1_000 + index, content)).type, "sent");
    await alice.sendMessage(id, "json");
    for (const client of [alice, bob, carol])
      await client.until(() => client.messages(id).length === 4, "all messages");
    assert.deepEqual([alice.binaryFrames, bob.binaryFrames], [0, 4]);
    assert.deepEqual(bob.messages(id), carol.messages(id));
    assert.deepEqual(
      bob.messages(id).map(({ message }) => message.data ?? message.text),
      contents.map((c) => (typeof c === "string" ? c : Buffer.from(c).toString("base64"))).concat("json"),
    );
    const back = await login(1, c, { binary: true, device: { id: "back" }, positions: { [id]: position } });
    await back.until(() => back.messages(id).length === 4, "what was missed");
    assert.deepEqual([back.binaryFrames, back.messages(id)], [4, bob.messages(id)]);

    assert.equal(codeOf(await ask(2_000, new Uint8Array(48_001))), "message_too_long");
    assert.equal(codeOf(await ask(2_001, "x".repeat(16_385))), "message_too_long");
    assert.equal(codeOf(await ask(2_002, "")), "invalid_frame");
    assert.equal(codeOf(await ask(2_003, "x", "no id: a colon")), "invalid_frame");
    assert.equal(codeOf(await ask(2_004, "x", "l-nothing")), "conversation_not_found");
    bob.webSocket.send(Buffer.from([1, 1, 2, 0, 0, 0, 0, 0, 77]));
    const malformed = await bob.until(() => bob.frames("error").find(({ re }) => re === 77), "the error");
    assert.equal(malformed.code, "malformed_frame");
    for (let count = 0; count < 10; count++) bob.webSocket.send(Buffer.from([9]));
    assert.equal((await bob.untilClosed()).code, CloseCode.ProtocolViolation);
    await Promise.all([alice, carol, back].map((client) => client.close()));
  });

  test(`a connection has at most ${MAX_SUBSCRIPTIONS} subscriptions`, async () => {
    const [a = ""] = names("alice");
    const alice = await login(0, a);
    const made: string[] = [];
    for (let index = 0; index <= MAX_SUBSCRIPTIONS; index++) made.push(await createLive(alice, OPEN, [], `n${index}`));
    const ask = async (conversationId: string): Promise<string | undefined> => {
      let code: string | undefined;
      // Subscribing counts against the messages per second.
      await until(async () => {
        code = codeOf(await alice.ask("subscribe", { conversationId }));
        return code !== "rate_limited";
      }, "room for another request");
      return code;
    };
    for (const id of made.slice(0, MAX_SUBSCRIPTIONS)) assert.equal(await ask(id), "subscribed");
    assert.equal(await ask(made.at(-1) ?? ""), "too_many_subscriptions");
    await alice.request("unsubscribe", { conversationId: made[0] ?? "" });
    assert.equal(await ask(made.at(-1) ?? ""), "subscribed");
    assert.equal(await ask(made.at(-1) ?? ""), "subscribed", "again, from now on");
    await alice.close();
  });
}
