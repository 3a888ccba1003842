import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContractContext, ids, names, range } from "./contract-context.ts";

/** Messages, their receipts and their history. */
export function promiseMessages({ login }: ContractContext): void {
  test("two users exchange messages in one order, and both receipts arrive", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const bob = await login(1, b);
    const { conversation } = await alice.createDirect(b);
    await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
    const sending = range("m", 20).flatMap((clientId) => [
      alice.sendMessage(conversation.id, `a-${clientId}`),
      bob.sendMessage(conversation.id, `b-${clientId}`),
    ]);
    const sent = await Promise.all(sending);
    for (const client of [alice, bob])
      await client.until(() => client.messages(conversation.id).length >= 40, "all messages");
    assert.deepEqual(ids(alice, conversation.id), ids(bob, conversation.id), "one order for both");
    assert.deepEqual([...ids(alice, conversation.id)].sort(), ids(alice, conversation.id), "ids rise");
    assert.deepEqual(new Set(ids(bob, conversation.id)), new Set(sent.map((frame) => frame.messageId)));
    assert.deepEqual(
      alice.messages().map((frame) => frame.position?.offset),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      alice.texts().filter((text) => text.startsWith("a-")),
      range("a-m", 20),
      "what one client sends keeps its order",
    );

    const upTo = ids(bob, conversation.id).at(-1) ?? "";
    await bob.request("receipt", { conversationId: conversation.id, kind: "delivered", upTo });
    await bob.request("receipt", { conversationId: conversation.id, kind: "read", upTo });
    await alice.until(() => alice.frames("receipt").some((frame) => frame.receipt.kind === "read"), "the read receipt");
    const delivered = alice.frames("receipt").find((frame) => frame.receipt.kind === "delivered");
    assert.equal(delivered?.receipt.userId, b);
    assert.equal(delivered?.receipt.upTo, upTo);

    const history = await alice.request("fetch_history", { conversationId: conversation.id, limit: 100 });
    assert.ok(history.type === "history");
    assert.deepEqual(
      history.messages.map((m) => m.id).reverse(),
      ids(alice, conversation.id),
      "history has the same order",
    );
    await Promise.all([alice.close(), bob.close()]);
  });

  test("receipts never go back, and a message that does not exist can't be acknowledged", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const { conversation } = await alice.createDirect(b);
    const first = await alice.sendMessage(conversation.id, "1");
    const second = await alice.sendMessage(conversation.id, "2");
    await bob.until(() => bob.messages().length >= 2, "both messages");
    const receipt = { conversationId: conversation.id, kind: "delivered" as const };
    await bob.request("receipt", { ...receipt, upTo: second.messageId });
    await bob.request("receipt", { ...receipt, upTo: first.messageId });
    // The other server has not seen the first receipt: what stands between is the store alone.
    const elsewhere = await login(0, b, { device: { id: "other" } });
    await elsewhere.request("receipt", { ...receipt, upTo: first.messageId });
    const listed = await alice.request("list_conversations", {});
    assert.ok(listed.type === "conversations");
    const member = listed.conversations[0]?.conversation.members.find(({ userId }) => userId === b);
    assert.equal(member?.deliveredUpTo, second.messageId);
    assert.equal(listed.conversations[0]?.lastMessage?.id, second.messageId);
    const wrong = await bob.ask("receipt", { ...receipt, upTo: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" });
    assert.equal(wrong.type === "error" && wrong.code, "invalid_frame");
    await Promise.all([alice.close(), bob.close(), elsewhere.close()]);
  });

  test("a retry, on any server, gives the same message and delivers it once", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, elsewhere, bob] = [await login(0, a), await login(1, a), await login(1, b)];
    const { conversation } = await alice.createDirect(b);
    const answers = await Promise.all([
      alice.sendMessage(conversation.id, "same"),
      elsewhere.sendMessage(conversation.id, "same"),
      alice.sendMessage(conversation.id, "same"),
    ]);
    const again = await elsewhere.sendMessage(conversation.id, "same");
    assert.equal(new Set([...answers, again].map((frame) => frame.messageId)).size, 1);
    const last = await alice.sendMessage(conversation.id, "last");
    await bob.until(() => ids(bob, conversation.id).includes(last.messageId), "the last message");
    const live = bob.messages().filter((frame) => frame.position);
    assert.deepEqual(
      live.map((frame) => frame.message.text),
      ["same", "last"],
    );
    const history = await bob.request("fetch_history", { conversationId: conversation.id });
    assert.equal(history.type === "history" && history.messages.length, 2);
    const conflict = await alice.ask("send", {
      conversationId: conversation.id,
      clientId: "same",
      text: "another text",
    });
    assert.equal(conflict.type === "error" && conflict.code, "invalid_frame");
    await Promise.all([alice.close(), elsewhere.close(), bob.close()]);
  });

  test("history pages both ways", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const { conversation } = await alice.createDirect(b);
    for (const clientId of range("m", 12)) await alice.sendMessage(conversation.id, clientId);
    const page = async (body: { before?: string; after?: string }) => {
      const answer = await alice.request("fetch_history", { conversationId: conversation.id, limit: 5, ...body });
      assert.ok(answer.type === "history");
      return answer;
    };
    const newest = await page({});
    assert.deepEqual(
      newest.messages.map((m) => m.text),
      ["m11", "m10", "m9", "m8", "m7"],
    );
    assert.equal(newest.more, true);
    const older = await page({ before: newest.messages.at(-1)?.id ?? "" });
    assert.deepEqual(
      older.messages.map((m) => m.text),
      ["m6", "m5", "m4", "m3", "m2"],
    );
    const oldest = await page({ before: older.messages.at(-1)?.id ?? "" });
    assert.deepEqual(
      oldest.messages.map((m) => m.text),
      ["m1", "m0"],
    );
    assert.equal(oldest.more, false);
    const forward = await page({ after: oldest.messages.at(-1)?.id ?? "" });
    assert.deepEqual(
      forward.messages.map((m) => m.text),
      ["m1", "m2", "m3", "m4", "m5"],
    );
    await alice.close();
  });
}
