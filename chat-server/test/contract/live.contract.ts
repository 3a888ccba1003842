import assert from "node:assert/strict";
import { test } from "node:test";
import type { RawClient } from "../support/raw-client.ts";
import { type ContractContext, change, changes, codeOf, ids, names, range } from "./contract-context.ts";
import { base64, createLive, FEED, OPEN, PRIVATE, subscribe } from "./live-context.ts";

/** Live conversations: subscribed to, not belonged to. */
export function promiseLive({ carrier, login }: ContractContext): void {
  test("whoever may subscribes to a live conversation, and gets texts and data in one order; the history has them", async () => {
    const [a = "", b = "", c = "", d = ""] = names("alice", "bob", "carol", "dave");
    const [alice, bob, carol] = [await login(0, a), await login(1, b), await login(0, c)];
    const id = await createLive(alice, FEED);
    // Until it has got to both servers "now" may be before it.
    const daves = [await login(0, d, { device: { id: "phone" } }), await login(1, d, { device: { id: "tablet" } })];
    for (const dave of daves) await subscribe(dave, id);
    await alice.sendMessage(id, "before");
    for (const dave of daves) {
      await dave.until(() => dave.texts(id).includes("before"), "the first message");
      await dave.close();
    }
    for (const client of [alice, bob, carol]) {
      const { position, recovered, title, mayPublish } = await subscribe(client, id);
      assert.deepEqual([position.offset, recovered, title, mayPublish], [1, undefined, "Scores", client === alice]);
    }
    for (let index = 0; index < 5; index++) {
      await alice.sendMessage(id, `m${index}`);
      await alice.request("publish", { conversationId: id, clientId: `d${index}`, data: base64(index, 0, 255) });
    }
    for (const client of [alice, bob, carol]) {
      await client.until(() => client.messages(id).length >= 10, "all messages");
      assert.deepEqual(
        client.messages(id).map(({ message, position }) => [position?.offset, message.text, message.data]),
        range("", 10).map((_, index) => {
          const pair = Math.floor(index / 2);
          return index % 2 === 0 ? [index + 2, `m${pair}`, undefined] : [index + 2, "", base64(pair, 0, 255)];
        }),
      );
    }
    const history = await bob.request("fetch_history", { conversationId: id, limit: 100 });
    assert.ok(history.type === "history");
    assert.deepEqual(
      history.messages.reverse().slice(1),
      bob.messages(id).map(({ message }) => message),
    );
    await bob.request("unsubscribe", { conversationId: id });
    if (carrier !== "websocket") await bob.until(() => bob.frames("unsubscribed").length === 1, "the end of it");
    await alice.sendMessage(id, "last");
    await carol.until(() => carol.texts(id).includes("last"), "the last message");
    // What was published before it has come before it.
    const direct = await alice.createDirect(b);
    await alice.sendMessage(direct.conversation.id, "mark");
    await bob.until(() => bob.texts().includes("mark"), "a message of another conversation");
    assert.equal(bob.texts(id).includes("last"), false);
    await Promise.all([alice, bob, carol].map((client) => client.close()));
  });

  test("rights hold for subscribing, publishing and the history, and their change for those who are subscribed", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, bob, carol] = [await login(0, a), await login(1, b), await login(0, c)];
    const id = await createLive(alice, PRIVATE, [b]);
    await subscribe(bob, id);
    const tries = async (client: RawClient) => [
      codeOf(await client.ask("subscribe", { conversationId: id })),
      codeOf(await client.ask("send", { conversationId: id, clientId: `${Math.random()}`, text: "x" })),
      codeOf(await client.ask("publish", { conversationId: id, clientId: `${Math.random()}`, data: base64(1) })),
      codeOf(await client.ask("fetch_history", { conversationId: id })),
      codeOf(await client.ask("resume", { conversationId: id, position: { epoch: "x", offset: 0 } })),
    ];
    assert.deepEqual(new Set(await tries(carol)), new Set(["conversation_not_found"]));
    assert.equal(codeOf(await bob.ask("set_rights", { ...change("1", id), rights: OPEN })), "forbidden");
    await alice.request("set_rights", { ...change("1", id), rights: FEED });
    await subscribe(carol, id);
    assert.equal(codeOf(await carol.ask("send", { conversationId: id, clientId: "1", text: "x" })), "forbidden");
    assert.equal(codeOf(await carol.ask("fetch_history", { conversationId: id })), "history");
    await alice.request("set_rights", { ...change("2", id), rights: OPEN });
    await carol.sendMessage(id, "hello");
    await bob.until(() => bob.texts(id).includes("hello"), "carol's message");

    await alice.request("set_rights", { ...change("3", id), rights: PRIVATE });
    const ended = await carol.until(() => carol.frames("unsubscribed")[0], "the end of carol's subscription");
    assert.deepEqual([ended.conversationId, ended.code], [id, "conversation_not_found"]);
    await alice.request("remove_member", { ...change("4", id), userId: b });
    await bob.until(() => bob.frames("unsubscribed").length === 1, "the end of bob's");
    await bob.until(() => bob.frames("conversation_removed").length === 1, "the end of his membership");
    await alice.sendMessage(id, "secret");
    assert.deepEqual(new Set(await tries(bob)), new Set(["conversation_not_found"]));
    assert.deepEqual([bob.texts(id).includes("secret"), carol.texts(id).includes("secret")], [false, false]);
    assert.deepEqual(
      changes(bob, id)
        .slice(0, 3)
        .map(({ type }) => type),
      ["rights_changed", "rights_changed", "rights_changed"],
    );
    await Promise.all([alice, bob, carol].map((client) => client.close()));
  });

  test("a subscriber that comes back with its position, or asks from one, gets what it missed; one that may not is told", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const [id, closed] = [await createLive(alice, FEED), await createLive(alice, PRIVATE, [], "closed")];
    const { position } = await subscribe(bob, id);
    await alice.sendMessage(id, "one");
    await bob.until(() => bob.texts(id).length === 1, "the first message");
    const last = bob.messages(id)[0]?.position;
    assert.ok(last);
    await bob.close();
    for (const text of range("m", 10)) await alice.sendMessage(id, text);

    const back = await login(0, b, { positions: { [id]: last, [closed]: last } });
    await back.until(() => back.texts(id).length === 10, "what was missed");
    assert.equal(back.frames("resumed").find((frame) => frame.conversationId === id)?.recovered, true);
    const refused = await back.until(() => back.frames("unsubscribed")[0], "the refusal");
    assert.deepEqual([refused.conversationId, refused.code], [closed, "conversation_not_found"]);
    await alice.sendMessage(id, "live");
    await back.until(() => back.texts(id).length === 11, "what came after");
    assert.deepEqual(back.texts(id), [...range("m", 10), "live"]);

    const again = await login(1, b, { device: { id: "other" } });
    const from = await subscribe(again, id, position);
    assert.deepEqual([from.recovered, from.position], [true, position]);
    await again.until(() => again.texts(id).length === 12, "all from the beginning");
    assert.deepEqual(again.texts(id), ["one", ...range("m", 10), "live"]);
    await again.request("unsubscribe", { conversationId: id });
    const lost = await subscribe(again, id, { epoch: "gone", offset: 1 });
    assert.deepEqual([lost.recovered, lost.position.offset], [false, 12]);
    await Promise.all([alice, back, again].map((client) => client.close()));
  });

  test("a live conversation has no receipts, no offline list and no typing, and a login alone brings nothing of it", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const id = await createLive(alice, OPEN, [b]);
    const { messageId } = await alice.sendMessage(id, "one");
    const bob = await login(1, b);
    await alice.sendMessage(id, "two");
    const direct = await alice.createDirect(b);
    await alice.sendMessage(direct.conversation.id, "mark");
    await bob.until(() => bob.texts().includes("mark"), "a message of a chat");
    assert.deepEqual(ids(bob, id), []);
    for (const answer of [
      await bob.ask("receipt", { conversationId: id, kind: "read", upTo: messageId }),
      await bob.ask("typing", { conversationId: id, active: true }),
      await bob.ask("open_conversation", { conversationId: id }),
    ])
      assert.equal(codeOf(answer), "forbidden");
    const listed = await bob.request("list_conversations", {});
    assert.ok(listed.type === "conversations");
    const found = listed.conversations.find(({ conversation }) => conversation.id === id);
    assert.deepEqual([found?.conversation.kind, found?.conversation.rights], ["live", OPEN]);
    assert.equal(found?.lastMessage?.text, "two");
    await Promise.all([alice.close(), bob.close()]);
  });

  test("what can't be a live conversation, or be sent to one, is refused by name; deleting and one name, one message hold", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const wrong = [
      { kind: "live" as const, memberIds: [], title: "x" },
      { kind: "live" as const, memberIds: [], rights: OPEN },
      { kind: "group" as const, memberIds: [b], rights: OPEN },
    ];
    for (const body of wrong)
      assert.equal(codeOf(await alice.ask("create_conversation", { clientId: "x", ...body })), "invalid_frame");
    const direct = (await alice.createDirect(b)).conversation.id;
    assert.equal(codeOf(await alice.ask("subscribe", { conversationId: direct })), "invalid_frame");
    const data = { clientId: "d", data: base64(1, 2) };
    assert.equal(codeOf(await alice.ask("publish", { conversationId: direct, ...data })), "invalid_frame");
    assert.equal(codeOf(await alice.ask("set_rights", { ...change("r", direct), rights: OPEN })), "forbidden");
    const id = await createLive(alice, OPEN);
    const long = Buffer.alloc(48_001).toString("base64");
    assert.equal(
      codeOf(await alice.ask("publish", { conversationId: id, clientId: "l", data: long })),
      "message_too_long",
    );
    assert.equal(
      codeOf(await alice.ask("publish", { conversationId: id, clientId: "l", data: "no base64" })),
      "invalid_frame",
    );
    await subscribe(bob, id);
    const full = Buffer.alloc(48_000, 7).toString("base64");
    const sent = await alice.request("publish", { conversationId: id, clientId: "f", data: full });
    const again = await alice.request("publish", { conversationId: id, clientId: "f", data: full });
    assert.ok(sent.type === "sent" && again.type === "sent" && sent.messageId === again.messageId);
    assert.equal(
      codeOf(await alice.ask("publish", { conversationId: id, clientId: "f", data: base64(1) })),
      "invalid_frame",
    );
    assert.equal(codeOf(await alice.ask("send", { conversationId: id, clientId: "f", text: "x" })), "invalid_frame");
    await bob.until(() => bob.messages(id).length > 0, "the message");
    assert.equal(bob.messages(id)[0]?.message.data, full);
    const { messageId } = sent;
    assert.equal(
      codeOf(await alice.ask("edit_message", { ...change("e", id), messageId, text: "x" })),
      "forbidden",
      "data is not edited",
    );
    assert.equal(codeOf(await bob.ask("delete_message", { ...change("d1", id), messageId })), "forbidden");
    await alice.request("delete_message", { ...change("d2", id), messageId });
    await bob.until(() => changes(bob, id).at(-1)?.type === "message_deleted", "the deletion");
    const history = await bob.request("fetch_history", { conversationId: id });
    assert.ok(history.type === "history");
    assert.deepEqual([history.messages[0]?.text, history.messages[0]?.data], ["", undefined]);
    assert.equal(bob.messages(id).length, 1);
    await Promise.all([alice.close(), bob.close()]);
  });
}
