import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContractContext, names, range } from "./contract-context.ts";

/** What is refused, and how. */
export function promiseRefusals({ connect, login }: ContractContext): void {
  test("a foreign conversation looks like one that does not exist", async () => {
    const [a = "", b = "", m = ""] = names("alice", "bob", "mallory");
    const [alice, mallory] = [await login(0, a), await login(1, m)];
    const { conversation } = await alice.createDirect(b);
    const sent = await alice.sendMessage(conversation.id, "secret");
    const position = { epoch: "x", offset: 0 };
    for (const conversationId of [conversation.id, "d-nothing"]) {
      const answers = [
        await mallory.ask("send", { conversationId, clientId: "1", text: "hello" }),
        await mallory.ask("fetch_history", { conversationId }),
        await mallory.ask("receipt", { conversationId, kind: "read", upTo: sent.messageId }),
        await mallory.ask("resume", { conversationId, position }),
      ];
      for (const answer of answers) assert.equal(answer.type === "error" && answer.code, "conversation_not_found");
    }
    assert.equal(mallory.messages().length, 0);
    await Promise.all([alice.close(), mallory.close()]);
  });

  test("what can't be taken gets an error with a code, and the connection lives on", async () => {
    const [a = ""] = names("alice");
    const early = await connect(0, a);
    const pong = await early.ask("ping", {});
    assert.equal(pong.type, "pong");
    await early.login();
    const twice = await early.ask("login", { device: { id: "d" } });
    assert.equal(twice.type === "error" && twice.code, "already_logged_in");
    const cases: [string, string][] = [
      ["no json", "malformed_frame"],
      ["[]", "malformed_frame"],
      ['{"id":1}', "malformed_frame"],
      ['{"type":"dance","id":77}', "unknown_type"],
      ['{"type":"send","id":78,"conversationId":"c","clientId":"x"}', "invalid_frame"],
      [
        JSON.stringify({ type: "send", id: 79, conversationId: "c", clientId: "x", text: "x".repeat(16_385) }),
        "message_too_long",
      ],
    ];
    for (const [text, code] of cases) {
      const before = early.frames("error").length;
      early.sendText(text);
      const error = await early.until(() => early.frames("error")[before], `an answer to ${text.slice(0, 30)}`);
      assert.equal(error.code, code, text.slice(0, 60));
      const { id } = /"id":(?<id>7\d)/.exec(text)?.groups ?? {};
      if (id) assert.equal(error.re, Number(id));
    }
    const alive = await early.ask("ping", {});
    assert.equal(alive.type, "pong");
    await early.close();
  });

  test("more messages than the limit get an error that says when to come back", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const { conversation } = await alice.createDirect(b);
    for (const clientId of range("m", 1_000))
      alice.post("send", { conversationId: conversation.id, clientId, text: "x" });
    const limited = await alice.until(
      () => alice.frames("error").find((frame) => frame.code === "rate_limited"),
      "the limit",
    );
    assert.ok((limited.retryAfterMs ?? 0) >= 0);
    await alice.close();
  });
}
