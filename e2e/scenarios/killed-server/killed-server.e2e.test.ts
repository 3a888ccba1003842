import assert from "node:assert/strict";
import { before, test } from "node:test";
import { PollTransport, SseTransport, type Transport, WebSocketTransport } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { Person, twoOnDifferentServers } from "../../support/person.ts";
import { Traffic } from "../../support/traffic.ts";

let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
});

const TRANSPORTS: readonly (() => Transport)[] = [
  () => new WebSocketTransport(),
  () => new SseTransport(),
  () => new PollTransport(),
  () => new PollTransport({ short: true }),
];

for (const makeTransport of TRANSPORTS)
  test(`over ${makeTransport().name}: the server that holds a user is killed under traffic: nothing acknowledged is lost, nothing is seen twice`, async (t) => {
    const options = () => ({ transport: makeTransport() });
    const [sender, victim] = await twoOnDifferentServers(cluster, `killed-${Date.now()}`, options);
    using _ = sender;
    using __ = victim;
    using bystander = await new Person(cluster, `bystander-${Date.now()}`, options()).online();
    const members = [victim.id, bystander.id];
    const { id } = await sender.client.createConversation({ kind: "group", memberIds: members, title: "killed" });
    using traffic = new Traffic(sender, id, 50);
    // The victim sends too, so that a send is under way when its server dies.
    using fromVictim = new Traffic(victim, id, 20);
    await until(() => traffic.acknowledged.size >= 100 && fromVictim.acknowledged.size >= 20, "traffic flows");

    const killed = victim.server;
    const connections = victim.servers.length;
    const started = performance.now();
    await cluster.kill(killed);
    // A poll is bound to no server: it may have gone to another one before, and nobody has to come back.
    if (!victim.transport.endsWith("polling")) {
      await until(() => victim.servers.length > connections, "the victim is back");
      const backAfter = performance.now() - started;
      t.diagnostic(`back after ${Math.round(backAfter)} ms on ${victim.server} (was on ${killed})`);
      assert.notEqual(victim.server, killed, "the victim is on another server");
    }

    const resumedAt = [traffic.acknowledged.size, fromVictim.acknowledged.size] as const;
    const flows = () =>
      traffic.acknowledged.size >= resumedAt[0] + 100 && fromVictim.acknowledged.size >= resumedAt[1] + 40;
    await until(flows, "traffic goes on, of both");
    await Promise.all([traffic.end(), fromVictim.end()]);
    assert.deepEqual([...traffic.failures, ...fromVictim.failures], [], "no send was refused");

    const acknowledged = traffic.acknowledged.union(fromVictim.acknowledged);
    for (const person of [sender, victim, bystander]) {
      await until(() => person.history.hasAll(acknowledged), `${person.id} has every acknowledged message`);
      person.history.assertOnceAndInOrder(person.id);
      assert.deepEqual(
        person.history.of(id).map((message) => message.id),
        sender.history.of(id).map((message) => message.id),
        "one order for all",
      );
    }
    await until(async () => (await cluster.readyServers()).includes(killed), "the killed server is ready again");
    // Its container would be restarted ever later, were it killed again.
    await cluster.replace(killed);
  });
