import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp, haveNodes } from "../../support/cluster.ts";
import { twoOnDifferentServers } from "../../support/person.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

const MINUTE = 60_000;
let cluster: Cluster;
let scenario: Scenario;
before(async () => {
  await haveNodes(2);
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
  await cluster.fix(2);
});
after(async () => {
  await cluster.scales();
  await haveNodes(1);
  await cluster.ready();
});

test("a node is lost with a chat server and a HAProxy on it: who was there goes on elsewhere, and no acknowledged message is lost", async (t) => {
  // The stores were there before the second node: what is replaced now is spread over both.
  for (const component of ["chat", "ingress"] as const)
    await until(
      async () => {
        const onSecond = (await cluster.podsOn(2)).filter((name) => name.startsWith(`sample-${component}-`));
        if (onSecond.length > 0) return true;
        const [pod = ""] = (await cluster.podsOn(1)).filter((name) => name.startsWith(`sample-${component}-`));
        await cluster.replace(pod, component);
        return false;
      },
      `a ${component} pod on the second node`,
      2 * MINUTE,
    );
  const lost = await cluster.podsOn(2);
  t.diagnostic(`on the second node: ${lost.join(", ")}`);
  assert.ok(!lost.some((name) => /redis|cassandra/.test(name)));

  const [sender, receiver] = await twoOnDifferentServers(cluster, `node-${Date.now()}`);
  using _ = sender;
  using __ = receiver;
  const { id } = await sender.client.createConversation({ kind: "direct", memberIds: [receiver.id] });
  using fromSender = new Traffic(sender, id, 20);
  using fromReceiver = new Traffic(receiver, id, 20);
  const traffics = [fromSender, fromReceiver];
  await until(() => traffics.every(({ acknowledged }) => acknowledged.size > 50), "traffic flows");
  await cluster.withoutNode(2, async () => {
    const started = performance.now();
    const isElsewhere = () => [sender, receiver].every(({ server }) => !lost.includes(server));
    await until(isElsewhere, "both are on the server that is left", 2 * MINUTE);
    const before = traffics.map(({ acknowledged }) => acknowledged.size);
    const flows = () => traffics.every(({ acknowledged }, index) => acknowledged.size > (before[index] ?? 0) + 40);
    await until(flows, "both go on");
    t.diagnostic(`both went on after ${Math.round((performance.now() - started) / 1_000)} s`);
    await scenario.reaches("degraded.yaml");
  });
  await scenario.reaches("recovered.yaml");
  await Promise.all(traffics.map((traffic) => traffic.end()));
  assert.deepEqual(
    traffics.flatMap(({ failures }) => failures),
    [],
  );
  const acknowledged = new Set(traffics.flatMap((traffic) => [...traffic.acknowledged]));
  for (const person of [sender, receiver]) {
    await until(() => person.history.hasAll(acknowledged), `${person.id} has every acknowledged message`);
    person.history.assertOnceAndInOrder(person.id);
  }
});
