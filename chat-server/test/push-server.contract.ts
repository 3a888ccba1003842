import assert from "node:assert/strict";
import { it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { ApnsStandIn } from "./push-stand-ins/apns-stand-in.ts";
import { appleToken } from "./push-stand-ins/notification.ts";
import { RawClient } from "./support/raw-client.ts";
import { readiness, startTestServer, tokenFor, type Variables } from "./support/test-server.ts";

const DEAD = /^chat_push_dead_tokens_total\{provider="apns",reason="Unregistered"\} (\d+)$/gm;

/** What push promises of servers, whatever they stand on; all of them stand on the same. */
export function pushServerContract(
  name: string,
  backend: () => Promise<{ servers: Variables[]; stop: () => Promise<void> }>,
): void {
  it(name, async () => {
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
    const figures = async () => {
      const answers = await Promise.all(servers.map(({ adminPort }) => fetch(`http://127.0.0.1:${adminPort}/metrics`)));
      return (await Promise.all(answers.map((answer) => answer.text()))).join("\n");
    };
    /** Whichever server has taken the job counts it. */
    const dead = async () => {
      let sum = 0;
      for (const [, count] of (await figures()).matchAll(DEAD)) sum += Number(count);
      return sum;
    };
    const settled = async () => (await figures()).includes('chat_push_queue_depth{state="ready"} 0');
    try {
      for (const server of servers)
        await until(async () => (await readiness(server)).status === 200, "readiness", 120_000);
      const token = appleToken();
      apns.devices.add(token);
      const bob = await RawClient.login(last.port, await tokenFor("bob"), {
        device: { id: "phone", push: { provider: "apns", token } },
      });
      const alice = await RawClient.login(first.port, await tokenFor("alice"), {
        device: { id: "phone", push: { provider: "apns", token: appleToken() } },
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
      for (const { token: to, payload } of apns.accepted) {
        assert.equal(to, token);
        assert.deepEqual((payload.aps as { alert: unknown }).alert, { title: "alice", body: "while offline" });
      }

      apns.gone.set(token, Date.now());
      await alice.sendMessage(conversation.id, "to-a-dead-token");
      await until(async () => (await dead()) > 0 && (await settled()), "the token is removed");
      const asked = await dead();
      await alice.sendMessage(conversation.id, "to-nobody");
      await until(settled, "all settled");
      assert.equal(await dead(), asked);
      await alice.close();
    } finally {
      await Promise.all(servers.map((server) => server.stop(0)));
      await apns.server.close();
      await stop();
    }
  });
}
