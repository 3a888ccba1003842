import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Conversation, Message } from "@chatcluster/protocol";
import { messageId } from "../broker/message-id.ts";
import type { Stores } from "./stores.ts";

let counter = 0;

/** What every set of stores promises. */
export function storesContract(
  name: string,
  start: () => Promise<{ stores: Stores; stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let stores: Stores;
    let stop: () => Promise<void>;
    before(async () => {
      ({ stores, stop } = await start());
    });
    after(() => stop?.());

    const fresh = () => `x-${counter++}-${Date.now().toString(36)}`;
    const HOUR = 60 * 60 * 1_000;
    const message = (conversationId: string, index: number, sentAt = 1_700_000_000_000): Message => {
      const id = messageId(sentAt, index, "0".repeat(12));
      return { id, conversationId, senderId: "alice", clientId: `m${index}`, sentAt, text: `text ${index}` };
    };
    const group = (id: string, members: string[]): Conversation => ({
      id,
      kind: "group",
      title: "Team",
      createdBy: "alice",
      createdAt: 1_700_000_000_000,
      members: members.map((userId) => ({ userId, role: userId === "alice" ? "owner" : "member" })),
    });
    const roles = async (id: string) =>
      Object.fromEntries(((await stores.conversations.get(id))?.members ?? []).map((m) => [m.userId, m.role]));

    test("messages page both ways, over days, and inserting twice is inserting once", async () => {
      const id = fresh();
      const sent = [0, 1, 2, 3, 4, 5].map((index) => message(id, index, 1_700_000_000_000 + index * 13 * HOUR));
      for (const one of [...sent, ...sent]) await stores.messages.insert(one);
      const newest = await stores.messages.page({ conversationId: id, limit: 4 });
      assert.deepEqual(newest, { messages: sent.slice(2).reverse(), more: true });
      const older = await stores.messages.page({ conversationId: id, before: sent[2]?.id, limit: 4 });
      assert.deepEqual(older, { messages: [sent[1], sent[0]], more: false });
      const forward = await stores.messages.page({ conversationId: id, after: sent[0]?.id, limit: 2 });
      assert.deepEqual(forward, { messages: [sent[1], sent[2]], more: true });
      await stores.messages.delete(id, sent[1]?.id ?? "");
      assert.equal(await stores.messages.get(id, sent[1]?.id ?? ""), undefined);
    });

    test("of several edits the last in the order of the log stays, whatever the order of the writes", async () => {
      const id = fresh();
      const original = message(id, 0);
      await stores.messages.insert(original);
      const edit = (index: number) => ({
        conversationId: id,
        messageId: original.id,
        changeId: message(id, index).id,
        at: original.sentAt + index,
        text: `edit ${index}`,
      });
      for (const index of [1, 3, 2]) await stores.messages.edit(edit(index));
      // A retry of the insert does not bring the first text back.
      await stores.messages.insert(original);
      assert.deepEqual(await stores.messages.get(id, original.id), {
        ...original,
        text: "edit 3",
        editedAt: original.sentAt + 3,
      });
      await stores.messages.erase(edit(4));
      await stores.messages.edit(edit(5));
      const { text, editedAt, deletedAt } = (await stores.messages.get(id, original.id)) ?? {};
      assert.deepEqual(
        { text, editedAt, deletedAt },
        { text: "", editedAt: undefined, deletedAt: original.sentAt + 4 },
      );
    });

    test("a live conversation has rights, which change, and its messages may be data", async () => {
      const id = fresh();
      const rights = { subscribe: "anyone", publish: "members" } as const;
      const live: Conversation = { ...group(id, ["alice"]), kind: "live", rights };
      assert.deepEqual(await stores.conversations.create(live), live);
      await stores.conversations.setRights(id, { subscribe: "members", publish: "anyone" });
      assert.deepEqual((await stores.conversations.create(live)).rights, { subscribe: "members", publish: "anyone" });
      const data = Buffer.from([0, 255, 128]).toString("base64");
      const [bytes, text] = [{ ...message(id, 0), text: "", data }, message(id, 1)];
      for (const one of [bytes, text, bytes]) await stores.messages.insert(one);
      assert.deepEqual(await stores.messages.get(id, bytes.id), bytes);
      assert.deepEqual((await stores.messages.page({ conversationId: id, limit: 5 })).messages, [text, bytes]);
      await stores.messages.erase({ conversationId: id, messageId: bytes.id, changeId: message(id, 2).id, at: 5 });
      assert.deepEqual(await stores.messages.get(id, bytes.id), { ...message(id, 0), text: "", deletedAt: 5 });
    });

    test("members come, change and go, and creating again brings nobody back", async () => {
      const [id, bob, carol] = [fresh(), fresh(), fresh()];
      await stores.conversations.create(group(id, ["alice", bob]));
      await stores.conversations.addMembers(id, [{ userId: carol, role: "member" }], 1_700_000_000_007);
      await stores.conversations.setRole(id, carol, "admin");
      await stores.conversations.removeMember(id, bob);
      await stores.conversations.setRole(id, bob, "admin");
      assert.equal(await stores.conversations.joinedAt(id, carol), 1_700_000_000_007, "whatever the role since");
      for (const userId of ["alice", bob]) assert.equal(await stores.conversations.joinedAt(id, userId), undefined);
      await stores.conversations.rename(id, "Crew");
      const again = await stores.conversations.create(group(id, ["alice", bob]));
      assert.equal(again.title, "Crew");
      assert.deepEqual(await roles(id), { alice: "owner", [carol]: "admin" });
      assert.deepEqual(await stores.conversations.idsOf(bob, undefined, 10), []);
      assert.deepEqual(await stores.conversations.idsOf(carol, undefined, 10), [id]);
      // A receipt that was under way when its member left.
      const upTo = message(id, 0, Date.now() + HOUR).id;
      await stores.receipts.advance({ conversationId: id, userId: bob, kind: "read", upTo, at: 1 });
      assert.deepEqual(await roles(id), { alice: "owner", [carol]: "admin" });
    });

    test("of those who change one conversation exclusively one works at a time, also after one that failed", async () => {
      const [id, other] = [fresh(), fresh()];
      let inside = 0;
      let done = 0;
      const work = async () => {
        assert.equal(++inside, 1);
        await stores.conversations.get(id);
        await stores.conversations.exclusively(other, async () => assert.equal(inside, 1, "another one is free"));
        inside--;
        return ++done;
      };
      const fails = stores.conversations.exclusively(id, () => Promise.reject(new Error("on purpose")));
      const all = Array.from({ length: 6 }, () => stores.conversations.exclusively(id, work));
      await assert.rejects(fails, /on purpose/);
      assert.deepEqual((await Promise.all(all)).toSorted(), [1, 2, 3, 4, 5, 6]);
    });

    test("receipts move forward only", async () => {
      const id = fresh();
      await stores.conversations.create(group(id, ["alice"]));
      const advance = (index: number) =>
        stores.receipts.advance({
          conversationId: id,
          userId: "alice",
          kind: "read",
          upTo: message(id, index).id,
          at: 1,
        });
      for (const index of [1, 3, 2]) await advance(index);
      const [alice] = (await stores.conversations.get(id))?.members ?? [];
      assert.deepEqual(alice, { userId: "alice", role: "owner", readUpTo: message(id, 3).id });
      assert.deepEqual(await stores.receipts.of(id, "alice"), { readUpTo: message(id, 3).id });
      assert.deepEqual(await stores.receipts.of(id, "nobody"), {});
    });
  });
}
