import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { ApnsStandIn } from "../../test/push-stand-ins/apns-stand-in.ts";
import { appleToken } from "../../test/push-stand-ins/notification.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { startTestServer, tokenFor } from "../../test/support/test-server.ts";

it("a server pushes to who is offline and not to who is online, and forgets a token that is gone", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "push-"));
  const apns = await ApnsStandIn.start();
  const server = await startTestServer({
    CHAT_DATA_DIR: dataDir,
    CHAT_APNS_URL: apns.server.origin,
    CHAT_APNS_TEAM_ID: apns.teamId,
    CHAT_APNS_KEY_ID: apns.keyId,
    CHAT_APNS_TOPIC: apns.topic,
    CHAT_APNS_KEY: apns.key,
  });
  try {
    const token = appleToken();
    apns.devices.add(token);
    const device = { id: "phone", push: { provider: "apns" as const, token } };
    const bob = await RawClient.login(server.port, await tokenFor("bob"), { device });
    const alice = await RawClient.login(server.port, await tokenFor("alice"), {
      device: { id: "phone", push: { provider: "apns" as const, token: appleToken() } },
    });
    const { conversation } = await alice.createDirect("bob");
    await alice.sendMessage(conversation.id, "while-online");
    await bob.until(() => bob.texts().includes("while-online"), "the message");
    await bob.close();
    // The server has noticed once a message goes to his list.
    await until(async () => {
      await alice.sendMessage(conversation.id, `offline-${Date.now()}`, "while offline");
      return apns.accepted.length > 0;
    }, "a push");
    const [{ payload, token: to } = assert.fail()] = apns.accepted;
    assert.equal(to, token);
    assert.deepEqual((payload.aps as { alert: unknown }).alert, { title: "alice", body: "while offline" });
    assert.ok(apns.accepted.every((push) => push.token === token));

    apns.gone.set(token, Date.now());
    const figures = async () => (await fetch(`http://127.0.0.1:${server.adminPort}/metrics`)).text();
    const dead = async () =>
      Number(
        /^chat_push_dead_tokens_total\{provider="apns",reason="Unregistered"\} (\d+)$/m.exec(await figures())?.[1] ?? 0,
      );
    const settled = async () => (await figures()).includes('chat_push_queue_depth{state="ready"} 0');
    await alice.sendMessage(conversation.id, "to-a-dead-token");
    await until(async () => (await dead()) > 0 && (await settled()), "the token is removed");
    const asked = await dead();
    await alice.sendMessage(conversation.id, "to-nobody");
    await until(settled, "all settled");
    assert.equal(await dead(), asked);
    await alice.close();
  } finally {
    await server.stop(0);
    await apns.server.close();
    await rm(dataDir, { recursive: true });
  }
});
