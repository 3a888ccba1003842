import assert from "node:assert/strict";
import { before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { twoOnDifferentServers } from "../../support/person.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

let cluster: Cluster;
let scenario: Scenario;
before(async () => {
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
});

for (const store of ["redis", "cassandra"])
  test(`the only ${store} is killed under traffic: what waits is sent when it is back, in order, once, and nothing acknowledged is lost`, async () => {
    const [sender, receiver] = await twoOnDifferentServers(cluster, `${store}-${Date.now()}`);
    using _ = sender;
    using __ = receiver;
    const { id } = await sender.client.createConversation({ kind: "direct", memberIds: [receiver.id] });
    using traffic = new Traffic(sender, id, 20);
    await until(() => traffic.acknowledged.size > 50, "traffic flows");
    await cluster.kill(`sample-${store}-0`, store);
    const before = traffic.acknowledged.size;
    await until(() => traffic.acknowledged.size > before + 100, "traffic goes on");
    await traffic.end();
    assert.deepEqual(traffic.failures, [], "the client sends again what could not be stored");
    await scenario.reaches("recovered.yaml");
    for (const person of [sender, receiver]) {
      await until(() => person.history.hasAll(traffic.acknowledged), `${person.id} has every acknowledged message`);
      person.history.assertOnceAndInOrder(person.id);
    }
  });
