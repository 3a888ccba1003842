import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { Person, twoOnDifferentServers } from "../../support/person.ts";
import { Traffic } from "../../support/traffic.ts";

const MINUTES = 60_000;
let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
  await cluster.patchSample({
    servers: { min: 2, max: 4, connectionsPerServer: 40, stabilizationSeconds: 10, drainSeconds: 5 },
  });
  await cluster.serversAre(2);
});
after(() =>
  cluster.patchSample({ servers: { connectionsPerServer: 100, stabilizationSeconds: 300, drainSeconds: 10 } }),
);

test("connections rise past the target: a server is added; they fall: one is drained and removed, and no message is lost", async (t) => {
  const run = Date.now();
  const [sender, receiver] = await twoOnDifferentServers(cluster, `scale-${run}`);
  using _ = sender;
  using __ = receiver;
  const { id } = await sender.client.createConversation({ kind: "direct", memberIds: [receiver.id] });
  using traffic = new Traffic(sender, id, 20);

  const crowd = Array.from({ length: 110 }, (_, index) => new Person(cluster, `crowd-${run}-${index}`));
  await Promise.all(crowd.map((person) => person.online()));
  const atPeak = await until(
    async () => {
      const { desiredServers = 0, readyServers = 0, connections = 0 } = await cluster.sampleStatus();
      return connections >= crowd.length && desiredServers > 2 && readyServers === desiredServers && readyServers;
    },
    "a server is added and ready",
    3 * MINUTES,
  );
  t.diagnostic(`${atPeak} servers for ${crowd.length + 2} connections at 40 a server`);
  const columns = await cluster.kubectl.run(["get", "chatcluster", "sample"]);
  t.diagnostic(columns);
  assert.match(columns, /NAME\s+.*SERVERS.*CONNECTIONS.*READY.*AGE/s);

  for (const person of crowd) person.client.close();
  await until(
    async () => {
      const { servers, desiredServers } = await cluster.sampleStatus();
      return servers === 2 && desiredServers === 2;
    },
    "the servers that are no longer needed are drained and removed",
    5 * MINUTES,
  );
  const before = traffic.acknowledged.size;
  await until(() => traffic.acknowledged.size > before + 20, "traffic goes on");
  await traffic.end();
  assert.deepEqual(traffic.failures, []);
  for (const person of [sender, receiver]) {
    await until(() => person.history.hasAll(traffic.acknowledged), `${person.id} has every acknowledged message`);
    person.history.assertOnceAndInOrder(person.id);
  }
});
