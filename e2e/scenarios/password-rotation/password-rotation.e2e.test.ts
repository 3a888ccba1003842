import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { Logins } from "../../support/logins.ts";
import { Person, twoOnDifferentServers } from "../../support/person.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

let cluster: Cluster;
let scenario: Scenario;
let logins: Logins;
before(async () => {
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
  logins = new Logins(cluster);
  await cluster.fix(2);
});
after(() => cluster.scales());

test("the passwords of Redis and Cassandra are replaced under traffic: nobody misses anything, no store restarts, and the old ones are refused", async (t) => {
  const old = { servers: await cluster.readyServers(), logins: await logins.inUse(), lives: await logins.lives() };
  const [sender, receiver] = await twoOnDifferentServers(cluster, `passwords-${Date.now()}`);
  using _ = sender;
  using __ = receiver;
  using bystander = await new Person(cluster, `passwords-bystander-${Date.now()}`).online();
  const people = [sender, receiver, bystander];
  const members = [receiver.id, bystander.id];
  const { id } = await sender.client.createConversation({ kind: "group", memberIds: members, title: "Passwords" });
  using traffic = new Traffic(sender, id, 20);
  await until(() => traffic.acknowledged.size > 20, "traffic flows");

  const since = performance.now();
  const request = new Date().toISOString();
  await cluster.annotateSample("chatcluster.dev/rotate-passwords", request);
  let fewest = old.servers.length;
  let wasUnready: string | undefined;
  await until(
    async () => {
      const { conditions = [], passwords } = await cluster.sampleStatus();
      fewest = Math.min(fewest, (await cluster.readyServers()).length);
      wasUnready ??= conditions.find(({ type, status }) => type === "Ready" && status !== "True")?.message;
      return passwords?.rotatedFor === request;
    },
    "the rotation to be over",
    120_000,
    { every: 200 },
  );
  t.diagnostic(`rotated in ${Math.round((performance.now() - since) / 1000)} s`);
  await scenario.reaches("rotated.yaml");
  assert.equal(wasUnready, undefined, "it was Ready all the time");
  assert.ok(fewest >= old.servers.length, `${fewest} servers were ready at the least`);
  assert.deepEqual(await logins.lives(), old.lives, "neither Redis nor Cassandra was restarted");

  const now = await logins.inUse();
  assert.deepEqual(await logins.tried(now), ["accepted", "accepted", "accepted"]);
  // Cassandra believes for two seconds what it has checked (roles_validity).
  let answers: string[] = [];
  await until(
    async () => {
      answers = await logins.tried(old.logins);
      return answers.every((answer) => answer === "refused");
    },
    "the old logins to be refused",
    10_000,
    { detail: () => answers.join() },
  );

  const before = traffic.acknowledged.size;
  await until(() => traffic.acknowledged.size > before + 40, "traffic goes on");
  await traffic.end();
  assert.deepEqual(traffic.failures, []);
  for (const person of people) {
    await until(() => person.history.hasAll(traffic.acknowledged), `${person.id} has every acknowledged message`);
    person.history.assertOnceAndInOrder(person.id);
    assert.deepEqual(person.errors, [], person.id);
    assert.ok(!old.servers.includes(person.server), "everybody is on a server with the new passwords");
    // Each drain moves those on its server once: at most from one old one to the other, and from there to a new one.
    assert.ok(person.servers.length <= old.servers.length + 1, `${person.id} was on ${person.servers.join(", ")}`);
  }
});
