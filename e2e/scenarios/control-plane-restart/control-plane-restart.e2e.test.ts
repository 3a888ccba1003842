import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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
after(() => cluster.patchSample({ servers: { min: 2, stabilizationSeconds: 300 } }));

for (const part of ["kube-apiserver", "etcd"] as const)
  test(`${part} is killed: chat goes on without it, and once it is back the operator carries out what is asked`, async () => {
    await scenario.patch("two-servers.yaml");
    await scenario.reaches("two-servers-ready.yaml");
    const [sender, receiver] = await twoOnDifferentServers(cluster, `${part}-${Date.now()}`);
    using _ = sender;
    using __ = receiver;
    const { id } = await sender.client.createConversation({ kind: "direct", memberIds: [receiver.id] });
    using traffic = new Traffic(sender, id, 20);
    await cluster.without(part, async () => {
      const before = traffic.acknowledged.size;
      await until(() => traffic.acknowledged.size > before + 100, "a hundred more messages");
      assert.deepEqual([sender.servers.length, receiver.servers.length], [1, 1], "nobody was disconnected");
    });
    await scenario.patch("three-servers.yaml");
    await scenario.reaches("three-servers-ready.yaml");
    await traffic.end();
    assert.deepEqual(traffic.failures, []);
    await until(() => receiver.history.hasAll(traffic.acknowledged), "every acknowledged message");
    receiver.history.assertOnceAndInOrder(receiver.id);
  });
