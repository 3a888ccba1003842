import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Thread } from "../web/chat/thread.ts";
import { ApnsStandIn } from "./push-stand-ins/apns-stand-in.ts";
import { appleToken } from "./push-stand-ins/notification.ts";
import { RawClient } from "./support/raw-client.ts";
import { readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

const DEAD = /^chat_push_dead_tokens_total\{provider="apns",reason="Unregistered"\} (\d+)$/gm;

type Backend = () => Promise<{ servers: Variables[]; stop: () => Promise<void> }>;

/** Servers that stand on the same, with a stand-in for APNs. */
async function start(backend: Backend) {
  const { servers: variables, stop } = await backend();
  const apns = await ApnsStandIn.start();
  const push = {
    CHAT_APNS_URL: apns.server.origin,
    CHAT_APNS_TEAM_ID: apns.teamId,
    CHAT_APNS_KEY_ID: apns.keyId,
    CHAT_APNS_TOPIC: apns.topic,
    CHAT_APNS_KEY: apns.key,
  };
  const servers = await Promise.all(variables.map((own) => startTestServer({ ...own, ...push })));
  const [first = assert.fail(), last = first] = servers;
  for (const server of servers) await until(async () => (await readiness(server)).status === 200, "readiness", 120_000);
  const figures = async () => {
    const answers = await Promise.all(servers.map(({ adminPort }) => fetch(`http://127.0.0.1:${adminPort}/metrics`)));
    return (await Promise.all(answers.map((answer) => answer.text()))).join("\n");
  };
  return {
    apns,
    first,
    last,
    figures,
    /** Signs in with a phone that has a push token. */
    async phone(server: typeof first, userId: string, token = appleToken()) {
      apns.devices.add(token);
      return RawClient.login(server.port, await tokenFor(userId), {
        device: { id: "phone", push: { provider: "apns", token } },
      });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop(0)));
      await apns.server.close();
      await stop();
    },
  };
}

/** What push promises of servers, whatever they stand on; all of them stand on the same. */
export function pushServerContract(name: string, backend: Backend): void {
  describe(name, () => {
    it("pushes to who is offline only, and forgets a token that is gone", async () => {
      await using started = await start(backend);
      const { apns, first, last, figures, phone } = started;
      /** Whichever server has taken the job counts it. */
      const dead = async () => {
        let sum = 0;
        for (const [, count] of (await figures()).matchAll(DEAD)) sum += Number(count);
        return sum;
      };
      const settled = async () => (await figures()).includes('chat_push_queue_depth{state="ready"} 0');
      const token = appleToken();
      const bob = await phone(last, "bob", token);
      const alice = await phone(first, "alice");
      const { conversation } = await alice.createDirect("bob");
      await alice.sendMessage(conversation.id, "while-online");
      await bob.until(() => bob.texts().includes("while-online"), "the message");
      await bob.close();
      // He never acknowledged it: the phone may have vanished before it came.
      await until(() => apns.accepted.length === 1, "a push for what is put back");
      await alice.sendMessage(conversation.id, "offline", "while offline");
      await until(() => apns.accepted.length === 2, "a push for what came meanwhile");
      const alerts = apns.accepted.map(({ payload }) => (payload.aps as { alert: unknown }).alert);
      const alert = (body: string) => ({ title: "alice", body });
      assert.deepEqual(alerts, [alert("while-online"), alert("while offline")]);
      assert.ok(apns.accepted.every(({ token: to }) => to === token));

      apns.gone.set(token, Date.now());
      await alice.sendMessage(conversation.id, "to-a-dead-token");
      await until(async () => (await dead()) > 0 && (await settled()), "the token is removed");
      const asked = await dead();
      await alice.sendMessage(conversation.id, "to-nobody");
      await until(settled, "all settled");
      assert.equal(await dead(), asked);
      await alice.close();
    });

    it("shows the number of unread messages on the icon, as the chat page counts them", async () => {
      await using started = await start(backend);
      const { apns, first, last, phone } = started;
      const [alice, carol] = [await phone(first, "alice"), await phone(last, "carol")];
      let bob = await phone(last, "bob");
      const withAlice = (await alice.createDirect("bob")).conversation.id;
      const withCarol = (await carol.createDirect("bob")).conversation.id;
      const ids: string[] = [];
      for (const text of ["one", "two", "three"]) ids.push((await alice.sendMessage(withAlice, text)).messageId);
      await bob.until(() => bob.texts().includes("three"), "the messages");
      await bob.sendMessage(withAlice, "an-answer-is-not-unread");
      const mark = (kind: "delivered" | "read", conversationId: string, upTo = "") =>
        bob.request("receipt", { conversationId, kind, upTo });
      await mark("delivered", withAlice, ids[2]);
      await mark("read", withAlice, ids[0]);
      await gone(bob);

      /** Sends something new, and takes the number that its push has. */
      const badgeOf = async (client: RawClient, conversationId: string, text: string) => {
        const { messageId } = await client.sendMessage(conversationId, text);
        const accepted = await until(
          () => apns.accepted.find(({ payload }) => payload.messageId === messageId),
          "a push",
        );
        return (accepted.payload.aps as { badge?: number }).badge;
      };
      assert.equal(await badgeOf(alice, withAlice, "four"), 3, "two that were delivered, one that was not");
      assert.equal(await badgeOf(carol, withCarol, "five"), 4, "of all conversations");

      bob = await phone(first, "bob");
      assert.equal(await unreadOnThePage(bob), 4);
      await bob.until(() => bob.texts().includes("five"), "what he missed");
      const newest = bob.messages(withAlice).at(-1)?.message.id;
      await mark("read", withAlice, newest);
      await mark("delivered", withCarol, bob.messages(withCarol).at(-1)?.message.id);
      assert.equal(await unreadOnThePage(bob), 1);
      await gone(bob);
      assert.equal(await badgeOf(alice, withAlice, "six"), 2, "what he read counts no more");
      await Promise.all([alice.close(), carol.close()]);

      /** Closes, and waits until every server knows. */
      async function gone(client: RawClient): Promise<void> {
        const watcher = await RawClient.login(first.port, await tokenFor("alice"), { device: { id: "watcher" } });
        await client.close();
        const followed = await watcher.request("subscribe_presence", { conversationId: withAlice, userIds: ["bob"] });
        if (followed.type === "presences" && followed.presences[0]?.online)
          await watcher.until(() => watcher.frames("presence").some(({ presence }) => !presence.online), "bob is gone");
        await watcher.close();
      }
    });
  });
}

/** What the chat page says is unread, of what a fresh client of the user reads. */
async function unreadOnThePage(client: RawClient): Promise<number> {
  const listed = await client.request("list_conversations", {});
  assert.ok(listed.type === "conversations");
  let unread = 0;
  for (const { conversation } of listed.conversations) {
    const history = await client.request("fetch_history", { conversationId: conversation.id, limit: 100 });
    assert.ok(history.type === "history");
    const thread = new Thread(conversation, "bob");
    // The page's messages have bytes for data, of which a chat has none.
    for (const { data: _, ...message } of history.messages) thread.add(message);
    unread += thread.unread.length;
  }
  return unread;
}
