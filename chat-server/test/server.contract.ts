import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { CloseCode } from "@chatcluster/protocol";
import type { ChatServer } from "../src/server.ts";
import { CARRIERS, type Carrier, connectBy } from "./support/carriers.ts";
import type { RawClient } from "./support/raw-client.ts";
import { readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

/** Users of their own for each test, so that tests share servers and nothing else. */
let counter = 0;
const names = (...users: string[]) => {
  counter++;
  return users.map((user) => `${user}-${counter}-${Date.now().toString(36)}`);
};

const range = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const ids = (client: RawClient, conversationId: string) =>
  client.messages(conversationId).map((frame) => frame.message.id);

/**
 * What a chat server promises, whatever it stands on. `backend` starts what is needed and gives the variables of as many servers as stand on
 * the same; where there is only one, all clients use it.
 */
export function serverContract(
  name: string,
  backend: () => Promise<{ servers: Variables[]; stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let servers: ChatServer[] = [];
    let stop: () => Promise<void>;
    /** Port of the first and of the last server. */
    let ports: [number, number];

    before(async () => {
      const started = await backend();
      stop = started.stop;
      servers = await Promise.all(
        started.servers.map((variables) => startTestServer({ CHAT_POLL_GRACE_MS: "2000", ...variables })),
      );
      for (const server of servers)
        await until(async () => (await readiness(server)).status === 200, "readiness", 120_000);
      ports = [servers[0]?.port ?? 0, servers.at(-1)?.port ?? 0];
    });
    after(async () => {
      await Promise.all(servers.map((server) => server.stop(0)));
      await stop?.();
    });

    for (const carrier of CARRIERS) promises(carrier, () => ports);
  });
}

/** What holds whatever carries the frames; of both servers' ports the second one may be the first. */
function promises(carrier: Carrier, ports: () => [number, number]): void {
  describe(`over ${carrier}`, () => {
    const connect = async (server: 0 | 1, user: string) =>
      connectBy(carrier, { port: ports()[server], otherPort: ports()[1 - server] ?? 0 }, await tokenFor(user));
    const login = async (server: 0 | 1, user: string, body?: Parameters<typeof RawClient.login>[2]) => {
      const client = await connect(server, user);
      await client.login(body);
      return client;
    };

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
      await alice.until(
        () => alice.frames("receipt").some((frame) => frame.receipt.kind === "read"),
        "the read receipt",
      );
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

    const change = (clientId: string, conversationId: string) => ({ clientId, conversationId });
    const codeOf = (answer: { type: string; code?: string }) => (answer.type === "error" ? answer.code : answer.type);
    const group = async (owner: RawClient, memberIds: string[], title = "Team") => {
      const created = await owner.request("create_conversation", { clientId: "g", kind: "group", memberIds, title });
      assert.ok(created.type === "conversation");
      return created.conversation.id;
    };
    const changes = (client: RawClient, id: string) =>
      client
        .frames("conversation_changed")
        .filter((frame) => frame.conversationId === id)
        .map((frame) => frame.change);

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

    test("a group has at most 1,024 members, and a direct conversation never changes its two", async () => {
      const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
      const [alice, late] = [await login(0, a), await login(1, b)];
      const id = await group(alice, range(`m-${a}-`, 1_022));
      await alice.request("invite", { ...change("1", id), userIds: [b] });
      assert.equal(codeOf(await alice.ask("invite", { ...change("2", id), userIds: [c] })), "invalid_frame");
      await late.until(
        () => late.frames("conversation_added")[0]?.conversation.members.length === 1_024,
        "all members",
      );
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

    test("who types is told to those who have the conversation open, and to nobody else", async () => {
      const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
      const [alice, bob, carol] = [await login(0, a), await login(1, b), await login(1, c)];
      const id = await group(alice, [b]);
      await bob.until(() => bob.frames("conversation_added").length === 1, "the invitation");
      assert.equal(codeOf(await carol.ask("open_conversation", { conversationId: id })), "conversation_not_found");
      assert.equal(codeOf(await carol.ask("typing", { conversationId: id, active: true })), "conversation_not_found");
      await alice.request("typing", { conversationId: id, active: true });
      await alice.request("open_conversation", { conversationId: id });
      await bob.request("open_conversation", { conversationId: id });
      // Over HTTP a request and the stream are two connections, and the second one hears of the first.
      await until(async () => {
        await alice.request("typing", { conversationId: id, active: false });
        return bob.frames("typing").length > 0;
      }, "the notice");
      assert.deepEqual(bob.frames("typing")[0], { type: "typing", conversationId: id, userId: a, active: false });
      await bob.request("close_conversation", { conversationId: id });
      const count = bob.frames("typing").length;
      await alice.request("typing", { conversationId: id, active: true });
      await until(async () => {
        await bob.request("typing", { conversationId: id, active: true });
        return alice.frames("typing").length > 0;
      }, "the other's notice");
      assert.equal(alice.frames("typing")[0]?.userId, b, "not one's own");
      // What was published before it has come before it.
      await alice.sendMessage(id, "end");
      await bob.until(() => bob.texts(id).includes("end"), "the message");
      if (carrier === "websocket") assert.equal(bob.frames("typing").length, count);
      await Promise.all([alice.close(), bob.close(), carol.close()]);
    });

    test("presence is told to members who ask for it: there, gone, and when last seen", async () => {
      const [a = "", b = "", c = ""] = names("alice", "bob", "carol");
      const [alice, carol] = [await login(0, a), await login(1, c)];
      const { conversation } = await alice.createDirect(b);
      const ask = (client: RawClient) =>
        client.ask("subscribe_presence", { conversationId: conversation.id, userIds: [b] });
      assert.equal(
        codeOf(await carol.ask("subscribe_presence", { conversationId: conversation.id, userIds: [b] })),
        "conversation_not_found",
      );
      const foreign = { conversationId: conversation.id, userIds: [c] };
      assert.equal(codeOf(await alice.ask("subscribe_presence", foreign)), "invalid_frame");
      const now = await ask(alice);
      assert.deepEqual(now.type === "presences" && now.presences, [{ userId: b, online: false }]);
      if (carrier !== "websocket") await alice.until(() => alice.frames("presence").length > 0, "how it is now");
      const before = Date.now();
      const bob = await login(1, b);
      await alice.until(() => alice.frames("presence").at(-1)?.presence.online === true, "bob's coming");
      await bob.close();
      const gone = await alice.until(
        () => alice.frames("presence").find(({ presence }) => !presence.online && presence.lastSeenAt !== undefined),
        "bob's going",
        20_000,
      );
      assert.ok((gone.presence.lastSeenAt ?? 0) >= before);
      const after = await ask(alice);
      assert.deepEqual(after.type === "presences" && after.presences, [gone.presence]);
      await alice.request("unsubscribe_presence", { userIds: [b] });
      const count = alice.frames("presence").length;
      const again = await login(1, b);
      await again.sendMessage(conversation.id, "back");
      await alice.until(() => alice.texts().includes("back"), "a message");
      if (carrier === "websocket") assert.equal(alice.frames("presence").length, count);
      assert.equal(again.frames("presence").length, 0);
      await Promise.all([alice.close(), again.close(), carol.close()]);
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

    const onlyOnAConnection = { skip: carrier === "websocket" ? false : "requests are answered one by one" };
    test("what breaks the rules of a connection ends it", onlyOnAConnection, async () => {
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
  });
}
