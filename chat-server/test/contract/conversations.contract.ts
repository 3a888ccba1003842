import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { RawClient } from "../support/raw-client.ts";
import {
  type ContractContext,
  change,
  changes,
  codeOf,
  created,
  group,
  ids,
  names,
  range,
} from "./contract-context.ts";

/** Conversations: created, their members, what is changed in them. */
export function promiseConversations({ login }: ContractContext): void {
  test("a direct conversation exists once for a pair, a group once for its name", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const [one, two] = await Promise.all([alice.createDirect(b), bob.createDirect(a)]);
    assert.equal(one.conversation.id, two.conversation.id);
    assert.deepEqual(one.conversation.createdBy, two.conversation.createdBy);
    const body = { clientId: "team", kind: "group" as const, memberIds: [b, c], title: "Team" };
    const [first, second] = [
      await alice.request("create_conversation", body),
      await alice.request("create_conversation", body),
    ];
    assert.ok(first.type === "conversation" && second.type === "conversation");
    assert.equal(first.conversation.id, second.conversation.id);
    assert.equal(first.conversation.title, "Team");
    await bob.until(
      () => bob.frames("conversation_added").some((f) => f.conversation.id === first.conversation.id),
      "added",
    );
    const alone = await alice.ask("create_conversation", { clientId: "x", kind: "direct", memberIds: [a] });
    assert.equal(alone.type === "error" && alone.code, "invalid_frame");
    const page = await alice.request("list_conversations", { limit: 1 });
    assert.ok(page.type === "conversations" && page.nextAfter !== undefined);
    const rest = await alice.request("list_conversations", { after: page.nextAfter });
    assert.equal(rest.type === "conversations" && rest.conversations.length, 1);
    await Promise.all([alice.close(), bob.close()]);
  });

  test("a group's members come, get roles and go, in the order of its log, and who is out is out everywhere", async () => {
    const [a = "", b = "", c = "", d = ""] = names("alice", "bob", "carol", "dave");
    const [alice, bob, carol, dave] = [await login(0, a), await login(1, b), await login(0, c), await login(1, d)];
    const id = await group(alice, [b]);
    const added = (client: RawClient) =>
      client.until(() => client.frames("conversation_added").some((f) => f.conversation.id === id), "the invitation");
    await added(bob);
    // Both servers now remember who is a member.
    await bob.sendMessage(id, "one");

    assert.equal(codeOf(await bob.ask("invite", { ...change("1", id), userIds: [c] })), "forbidden");
    assert.equal(
      codeOf(await carol.ask("send", { conversationId: id, clientId: "x", text: "x" })),
      "conversation_not_found",
    );
    assert.equal(codeOf(await carol.ask("invite", { ...change("1", id), userIds: [c] })), "conversation_not_found");
    for (const _try of [1, 2])
      assert.equal(codeOf(await alice.ask("invite", { ...change("1", id), userIds: [c, d] })), "ok");
    assert.equal(codeOf(await alice.ask("invite", { ...change("1", id), userIds: [c] })), "invalid_frame");
    await Promise.all([added(carol), added(dave)]);
    await dave.sendMessage(id, "two");

    assert.equal(codeOf(await bob.ask("set_role", { ...change("2", id), userId: c, role: "admin" })), "forbidden");
    await alice.request("set_role", { ...change("2", id), userId: c, role: "admin" });
    assert.equal(codeOf(await carol.ask("remove_member", { ...change("3", id), userId: a })), "forbidden");
    assert.equal(codeOf(await bob.ask("rename", { ...change("4", id), title: "Mine" })), "forbidden");
    await carol.request("rename", { ...change("4", id), title: "Crew" });
    assert.equal(codeOf(await alice.ask("leave", change("5", id))), "forbidden", "she is the only owner");
    await carol.request("remove_member", { ...change("6", id), userId: d });

    assert.equal(
      codeOf(await dave.ask("send", { conversationId: id, clientId: "y", text: "y" })),
      "conversation_not_found",
    );
    assert.equal(codeOf(await dave.ask("fetch_history", { conversationId: id })), "conversation_not_found");
    await dave.until(() => dave.frames("conversation_removed").length === 1, "the removal");
    await alice.sendMessage(id, "three");
    for (const client of [alice, bob, carol])
      await client.until(() => client.texts(id).includes("three"), "what came after the removal");
    assert.equal(dave.texts(id).includes("three"), false);

    for (const client of [alice, bob]) {
      assert.deepEqual(
        changes(client, id).map(({ type, by }) => [type, by]),
        [
          ["members_changed", a],
          ["members_changed", a],
          ["renamed", c],
          ["members_changed", c],
        ],
      );
      const offsets = client.received
        .filter((f) => f.type === "message" || f.type === "conversation_changed")
        .map((f) => f.position?.offset);
      assert.deepEqual(offsets, [1, 2, 3, 4, 5, 6, 7], "changes have their places among the messages");
    }

    await bob.request("leave", change("7", id));
    assert.equal(codeOf(await bob.ask("leave", change("7", id))), "ok", "a retry");
    assert.equal(
      codeOf(await bob.ask("resume", { conversationId: id, position: { epoch: "x", offset: 0 } })),
      "conversation_not_found",
    );
    // A retry of its creation brings nobody back.
    await group(alice, [b]);
    const listed = await alice.request("list_conversations", {});
    assert.ok(listed.type === "conversations");
    const conversation = listed.conversations.find((item) => item.conversation.id === id)?.conversation;
    assert.equal(conversation?.title, "Crew");
    const roles = Object.fromEntries((conversation?.members ?? []).map(({ userId, role }) => [userId, role]));
    assert.deepEqual(roles, { [a]: "owner", [c]: "admin" });
    const ofBob = await bob.request("list_conversations", {});
    assert.equal(ofBob.type === "conversations" && ofBob.conversations.length, 0);
    await Promise.all([alice, bob, carol, dave].map((client) => client.close()));
  });

  test("a device that was away while its user was removed is told when it comes back, and goes on with a later invitation", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const [alice, away] = [await login(0, a), await login(1, b)];
    const id = await group(alice, [b]);
    await away.until(() => away.frames("conversation_added").length === 1, "the invitation");
    const position = away.frames("conversation_added")[0]?.position;
    assert.ok(position);
    await away.close();
    await alice.request("remove_member", { ...change("1", id), userId: b });
    const bob = await login(1, b, { positions: { [id]: position } });
    await bob.until(() => bob.frames("conversation_removed").length === 1, "the removal");
    await alice.request("invite", { ...change("2", id), userIds: [b] });
    await alice.sendMessage(id, "again");
    await bob.until(() => bob.messages(id).length === 1, "a message of the second stay");
    assert.deepEqual(
      bob.received.map(({ type }) => type).filter((type) => type.startsWith("conversation_") || type === "message"),
      ["conversation_removed", "conversation_added", "conversation_changed", "message"],
    );
    await Promise.all([alice.close(), bob.close()]);
  });

  /** Texts of the history after an id. */
  const historyAfter = async (client: RawClient, conversationId: string, after: string | undefined) => {
    const page = await client.request("fetch_history", { conversationId, after: after ?? "0".repeat(26) });
    assert.ok(page.type === "history");
    return page.messages.map(({ text }) => text);
  };

  test("an invitation says where the history ends that was before it", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const id = await group(alice, [c]);
    await alice.sendMessage(id, "one");
    const { messageId } = await alice.sendMessage(id, "two");
    await alice.request("invite", { ...change("1", id), userIds: [b] });
    await alice.sendMessage(id, "three");
    const added = await bob.until(() => bob.frames("conversation_added")[0], "the invitation");
    assert.equal(added.after, messageId);
    assert.deepEqual(await historyAfter(bob, id, added.after), ["three"]);
    const empty = await created(alice, [b]);
    const fresh = await bob.until(
      () => bob.frames("conversation_added").find(({ conversation }) => conversation.id === empty),
      "a new group",
    );
    assert.equal(fresh.after, undefined, "nothing was before");
    await Promise.all([alice.close(), bob.close()]);
  });

  test("a device that was away during an invitation is told when it comes back, if it says that it knew all, and misses nothing", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, away, other] = [await login(0, a), await login(1, b), await login(0, b, { device: { id: "other" } })];
    const known = await group(alice, [b]);
    await away.until(() => away.frames("conversation_added").length === 1, "the group that it knows");
    const position = away.frames("conversation_added")[0]?.position;
    assert.ok(position);
    await away.close();

    const invited = await created(alice, [c]);
    await alice.sendMessage(invited, "before");
    // Of another millisecond, by which the server tells them apart.
    await until(() => Date.now() > (alice.frames("sent").at(-1)?.sentAt ?? 0) + 1, "another time");
    await alice.request("invite", { ...change("1", invited), userIds: [b] });
    const founded = await created(alice, [b, c]);
    for (const id of [invited, founded]) {
      const { messageId } = await alice.sendMessage(id, "meanwhile");
      // What another device has had is on no offline list.
      await other.until(() => ids(other, id).includes(messageId), "the message at the other device");
      await other.request("receipt", { conversationId: id, kind: "delivered", upTo: messageId });
    }

    const unsaid = await login(1, b, { positions: { [known]: position } });
    await unsaid.until(() => unsaid.frames("resumed").length === 1, "resumed");
    const bob = await login(1, b, { positions: { [known]: position }, complete: true });
    for (const [id, texts] of [
      [invited, ["meanwhile"]],
      [founded, ["meanwhile"]],
    ] as const) {
      const resumed = await bob.until(
        () => bob.frames("resumed").find(({ conversationId }) => conversationId === id),
        "resumed",
      );
      assert.equal(resumed.recovered, false);
      const added = bob.frames("conversation_added").find(({ conversation }) => conversation.id === id);
      assert.ok(added && bob.received.indexOf(added) < bob.received.indexOf(resumed));
      assert.equal(added.position, undefined);
      assert.ok(added.conversation.members.some(({ userId }) => userId === b));
      assert.deepEqual(await historyAfter(bob, id, added.after), texts);
      await alice.sendMessage(id, "live");
      const live = await bob.until(() => bob.messages(id)[0], "what follows");
      assert.deepEqual(live.position, { ...resumed.position, offset: resumed.position.offset + 1 });
    }
    assert.equal(bob.frames("conversation_added").length, 2, "nothing of what it knew");
    assert.equal(unsaid.frames("conversation_added").length, 0);
    await Promise.all([alice, other, unsaid, bob].map((client) => client.close()));
  });

  test("who was removed while away gets nothing more of the offline list, also if invited again since", async () => {
    const [a = "", b = ""] = names("alice", "bob");
    const alice = await login(0, a);
    const [kept, ended, again] = [await created(alice, [b]), await created(alice, [b]), await created(alice, [b])];
    for (const id of [ended, again, kept]) await alice.sendMessage(id, "old");
    for (const id of [ended, again]) await alice.request("remove_member", { ...change("1", id), userId: b });
    await alice.request("invite", { ...change("2", again), userIds: [b] });
    await alice.sendMessage(again, "new");
    const bob = await login(1, b);
    await bob.until(() => bob.messages(kept).length + bob.messages(again).length >= 2, "the list");
    assert.deepEqual([bob.texts(ended), bob.texts(again), bob.texts(kept)], [[], ["new"], ["old"]]);
    await Promise.all([alice.close(), bob.close()]);
  });

  test("a group has at most 1,024 members, and a direct conversation never changes its two", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, late] = [await login(0, a), await login(1, b)];
    const id = await group(alice, range(`m-${a}-`, 1_022));
    await alice.request("invite", { ...change("1", id), userIds: [b] });
    assert.equal(codeOf(await alice.ask("invite", { ...change("2", id), userIds: [c] })), "too_many_members");
    await late.until(() => late.frames("conversation_added")[0]?.conversation.members.length === 1_024, "all members");
    const { conversation } = await alice.createDirect(c);
    assert.equal(codeOf(await alice.ask("invite", { ...change("3", conversation.id), userIds: [b] })), "forbidden");
    assert.equal(codeOf(await alice.ask("leave", change("4", conversation.id))), "forbidden");
    await Promise.all([alice.close(), late.close()]);
  });

  test("messages are edited by their sender and deleted by it or an admin, live, for who resumes, and in the history", async () => {
    const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
    const [alice, bob] = [await login(0, a), await login(1, b)];
    const id = await group(alice, [b, c]);
    await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
    const first = await bob.sendMessage(id, "first");
    const second = await bob.sendMessage(id, "second");
    const third = await alice.sendMessage(id, "third");
    await alice.until(() => alice.messages(id).length === 3, "the messages");
    const position = alice.messages(id).at(-1)?.position;
    assert.ok(position);
    await alice.close();

    const edit = { ...change("1", id), messageId: first.messageId, text: "first, edited" };
    assert.equal(codeOf(await bob.ask("edit_message", { ...edit, messageId: third.messageId })), "forbidden");
    assert.equal(
      codeOf(await bob.ask("edit_message", { ...edit, messageId: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" })),
      "invalid_frame",
    );
    for (const _try of [1, 2]) await bob.request("edit_message", edit);
    await bob.request("edit_message", { ...edit, clientId: "2", text: "first, edited twice" });
    assert.equal(
      codeOf(await bob.ask("delete_message", { ...change("3", id), messageId: third.messageId })),
      "forbidden",
    );

    const back = await login(0, a, { positions: { [id]: position } });
    await back.until(() => changes(back, id).length === 2, "the edits");
    assert.deepEqual(
      changes(back, id).map((one) => one.type === "message_edited" && one.text),
      ["first, edited", "first, edited twice"],
    );
    await back.request("delete_message", { ...change("4", id), messageId: second.messageId });
    await bob.until(() => changes(bob, id).at(-1)?.type === "message_deleted", "the deletion");
    assert.equal(
      codeOf(await bob.ask("edit_message", { ...edit, clientId: "5", messageId: second.messageId })),
      "forbidden",
    );
    const history = await bob.request("fetch_history", { conversationId: id, after: "0".repeat(26) });
    assert.ok(history.type === "history");
    assert.deepEqual(
      history.messages.map((m) => [m.text, m.editedAt !== undefined, m.deletedAt !== undefined]),
      [
        ["first, edited twice", true, false],
        ["", false, true],
        ["third", false, false],
      ],
    );
    await Promise.all([back.close(), bob.close()]);
  });
}
