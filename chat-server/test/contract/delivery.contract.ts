import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContractContext, ids, names, range } from "./contract-context.ts";

/** That nothing is missed, whatever becomes of a connection. */
export function promiseDelivery({ login }: ContractContext): void {
  test("who was offline gets everything in order, once, and again until it has acknowledged", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const { conversation } = await alice.createDirect(b);
    for (const clientId of range("m", 25)) await alice.sendMessage(conversation.id, clientId);

    const first = await login(1, b);
    await first.until(() => first.messages().length >= 25, "the offline messages");
    assert.deepEqual(first.texts(), range("m", 25));
    first.terminate();
    await first.untilClosed();

    const second = await login(0, b);
    await second.until(() => second.messages().length >= 25, "the offline messages again");
    assert.deepEqual(second.texts(), range("m", 25));
    const upTo = ids(second, conversation.id)[19] ?? "";
    await second.request("receipt", { conversationId: conversation.id, kind: "delivered", upTo });
    await second.close();

    const third = await login(1, b);
    await third.until(() => third.messages().length >= 5, "the rest");
    assert.deepEqual(third.texts(), range("m", 25).slice(20));
    await Promise.all([alice.close(), third.close()]);
  });

  test("what comes while the offline list is being sent comes after it", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const { conversation } = await alice.createDirect(b);
    const { id } = conversation;
    const acknowledged = (count: number) => () => alice.frames("sent").length + alice.frames("error").length >= count;
    for (const clientId of range("m", 200)) alice.post("send", { conversationId: id, clientId, text: clientId });
    await alice.until(acknowledged(200), "all before");
    const pending = login(1, b);
    for (const clientId of range("n", 200)) alice.post("send", { conversationId: id, clientId, text: clientId });
    await alice.until(acknowledged(400), "all of meanwhile");
    const bob = await pending;
    const sent = alice.frames("sent").map(({ messageId }) => messageId);
    await bob.until(() => new Set(ids(bob, id)).size === sent.length, "all of them");
    const once = [...new Set(ids(bob, id))];
    assert.deepEqual(once, once.toSorted());
    await Promise.all([alice.close(), bob.close()]);
  });

  test("what was written to a socket that died is put back", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const { conversation } = await alice.createDirect(b);
    await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
    for (const clientId of range("m", 5)) await alice.sendMessage(conversation.id, clientId);
    await bob.until(() => bob.messages().length >= 5, "the messages");
    const upTo = ids(bob, conversation.id)[1] ?? "";
    await bob.request("receipt", { conversationId: conversation.id, kind: "delivered", upTo });
    bob.terminate();
    // Whether the server has noticed the death before or after this login.
    const again = await login(0, b);
    await again.until(() => again.messages().length >= 3, "three messages");
    assert.deepEqual(again.texts(), ["m2", "m3", "m4"]);
    await Promise.all([alice.close(), again.close()]);
  });

  test("a client that comes back with its position gets exactly what it missed", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const { conversation } = await alice.createDirect(b);
    await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
    for (const clientId of range("m", 3)) await alice.sendMessage(conversation.id, clientId);
    await bob.until(() => bob.messages().length >= 3, "the messages");
    const last = bob.messages().at(-1);
    const upTo = last?.message.id ?? "";
    await bob.request("receipt", { conversationId: conversation.id, kind: "delivered", upTo });
    await bob.close();
    for (const clientId of range("n", 90))
      alice.post("send", { conversationId: conversation.id, clientId, text: clientId });
    await alice.until(() => alice.frames("sent").length + alice.frames("error").length >= 93, "all acknowledgements");
    const acknowledged = new Set(alice.frames("sent").map((frame) => frame.messageId));

    const position = last?.position;
    assert.ok(position);
    const back = await login(0, b, { positions: { [conversation.id]: position } });
    const resumed = await back.until(() => back.frames("resumed")[0], "resumed");
    assert.equal(resumed.recovered, true);
    await back.until(() => back.messages().filter((frame) => frame.position).length >= acknowledged.size - 3, "all");
    const live = back.messages().filter((frame) => frame.position);
    assert.deepEqual(
      live.map((frame) => frame.position?.offset),
      live.map((_, index) => position.offset + 1 + index),
    );

    const elsewhere = await back.ask("resume", {
      conversationId: conversation.id,
      position: { epoch: "gone", offset: 1 },
    });
    assert.ok(elsewhere.type === "resumed");
    assert.equal(elsewhere.recovered, false);
    assert.equal(elsewhere.position.offset, position.offset + live.length);
    await Promise.all([alice.close(), back.close()]);
  });

  test("a device that was away gets everything, though another one of the user has acknowledged it", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, phone] = [await login(0, a), await login(1, b, { device: { id: "phone" } })];
    const tablet = await login(0, b, { device: { id: "tablet" } });
    const { conversation } = await alice.createDirect(b);
    const { id } = conversation;
    for (const device of [phone, tablet])
      await device.until(() => device.frames("conversation_added").length === 1, "the invitation");
    await alice.sendMessage(id, "both");
    for (const device of [phone, tablet]) await device.until(() => device.texts(id).includes("both"), "the message");
    const position = tablet.messages(id).at(-1)?.position;
    assert.ok(position);
    await tablet.close();
    for (const clientId of range("m", 5)) await alice.sendMessage(id, clientId);
    await phone.until(() => phone.texts(id).includes("m4"), "the rest, on the phone");
    const upTo = ids(phone, id).at(-1) ?? "";
    await phone.request("receipt", { conversationId: id, kind: "delivered", upTo });
    await phone.close();
    const back = await login(0, b, { device: { id: "tablet" }, positions: { [id]: position } });
    await back.until(() => back.texts(id).includes("m4"), "the rest, on the tablet");
    const live = back.messages(id).filter((frame) => frame.position);
    assert.deepEqual(
      live.map((frame) => frame.message.text),
      range("m", 5),
    );
    await Promise.all([alice.close(), back.close()]);
  });
}
