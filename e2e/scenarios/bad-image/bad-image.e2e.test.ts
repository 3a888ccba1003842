import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { twoOnDifferentServers } from "../../support/person.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

let cluster: Cluster;
let scenario: Scenario;
let chatServer: unknown;
before(async () => {
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
  chatServer = (await cluster.sample()).spec.images.chatServer;
  await cluster.fix(2);
});
after(async () => {
  await cluster.patchSample({ images: { chatServer } });
  await cluster.scales();
});

test("an image that cannot be pulled stops the roll and is named; nobody is disconnected, and the old image ends it", async () => {
  const servers = (await cluster.readyServers()).sort();
  const [sender, receiver] = await twoOnDifferentServers(cluster, `bad-image-${Date.now()}`);
  using _ = sender;
  using __ = receiver;
  const { id } = await sender.client.createConversation({ kind: "direct", memberIds: [receiver.id] });
  using traffic = new Traffic(sender, id, 20);

  await scenario.patch("bad-image.yaml");
  await scenario.reaches("stopped.yaml");
  const degraded = (await cluster.sampleStatus()).conditions?.find(({ type }) => type === "Degraded");
  assert.match(degraded?.message ?? "", /registry\.invalid\/chat-server:none/);
  assert.deepEqual((await cluster.readyServers()).sort(), servers, "the servers that work stay");

  await cluster.patchSample({ images: { chatServer } });
  await scenario.reaches("recovered.yaml");
  assert.deepEqual((await cluster.readyServers()).sort(), servers, "the same as before");
  await traffic.end();
  assert.deepEqual(traffic.failures, []);
  await until(() => receiver.history.hasAll(traffic.acknowledged), "every acknowledged message");
  assert.deepEqual([sender.servers.length, receiver.servers.length], [1, 1], "nobody had to connect again");
});
