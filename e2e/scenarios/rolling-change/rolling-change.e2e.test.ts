import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { Person, twoOnDifferentServers } from "../../support/person.ts";
import { Traffic } from "../../support/traffic.ts";

let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
  await cluster.fix(2);
});
after(() => cluster.scales());

/** A change of the pods that changes nothing else, and is another one each time. */
const annotation = () => ({ metadata: { annotations: { "example.com/rolled-at": new Date().toISOString() } } });

test("every chat server and every HAProxy is replaced under traffic: capacity never falls, and no message is lost", async (t) => {
  const old = { servers: await cluster.readyServers(), addresses: await cluster.podAddresses("ingress") };
  const [sender, receiver] = await twoOnDifferentServers(cluster, `roll-${Date.now()}`);
  using _ = sender;
  using __ = receiver;
  using bystander = await new Person(cluster, `roll-bystander-${Date.now()}`).online();
  const members = [receiver.id, bystander.id];
  const { id } = await sender.client.createConversation({ kind: "group", memberIds: members, title: "Roll" });
  using traffic = new Traffic(sender, id, 20);

  let fewest = old.servers.length;
  await cluster.patchSample({
    servers: { podTemplate: annotation() },
    ingress: { resources: { requests: { cpu: `${50 + (Date.now() % 50)}m` } } },
  });
  await until(
    async () => {
      const [servers, addresses] = [await cluster.readyServers(), await cluster.podAddresses("ingress")];
      fewest = Math.min(fewest, servers.length);
      const settled = [servers, addresses].every(({ length }) => length === 2);
      return (
        settled &&
        !servers.some((name) => old.servers.includes(name)) &&
        !addresses.some((address) => old.addresses.includes(address))
      );
    },
    "all pods are new ones",
    180_000,
    { every: 200 },
  );
  const people = [sender, receiver, bystander];
  await until(() => people.every(({ server }) => !old.servers.includes(server)), "everybody is on a new server");
  assert.ok(fewest >= old.servers.length, `${fewest} servers were ready at the least`);
  const before = traffic.acknowledged.size;
  await until(() => traffic.acknowledged.size > before + 40, "traffic goes on");
  await traffic.end();
  assert.deepEqual(traffic.failures, []);
  for (const person of people) {
    await until(() => person.history.hasAll(traffic.acknowledged), `${person.id} has every acknowledged message`);
    person.history.assertOnceAndInOrder(person.id);
    t.diagnostic(`${person.id} was on ${person.servers.join(", ")}`);
  }
});
