import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { RawClient } from "../support/raw-client.ts";
import { type ContractContext, codeOf, group, names } from "./contract-context.ts";

/** Who types and who is there. */
export function promiseInterest({ carrier, login }: ContractContext): void {
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
}
