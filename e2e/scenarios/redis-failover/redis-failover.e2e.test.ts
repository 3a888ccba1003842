import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp, manifestOf } from "../../support/cluster.ts";
import { type Chat, Person, twoOnDifferentServers } from "../../support/person.ts";
import { RedisServers } from "../../support/redis-servers.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

const NAMESPACE = "chatcluster-redis";
const NAME = "replicated";
let cluster: Cluster;
let scenario: Scenario;
let redis: RedisServers;
let chat: Chat & AsyncDisposable;

before(async () => {
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
  redis = new RedisServers(cluster, NAMESPACE, NAME);
  await cluster.kubectl.run(["create", "namespace", NAMESPACE]);
  const manifest = await manifestOf(cluster, NAME, NAMESPACE, {
    servers: { min: 2, max: 2, drainSeconds: 5 },
    redis: { mode: "sentinel", storage: { size: "128Mi" }, resources: { limits: { memory: "128Mi" } } },
  });
  await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
  await scenario.reaches("whole.yaml");
  chat = await cluster.chatOf(NAMESPACE, NAME);
});
after(async () => {
  await chat?.[Symbol.asyncDispose]();
  await cluster.kubectl.run(["delete", "namespace", NAMESPACE, "--wait=false"]);
});

test("under traffic Redis' master is killed, then all of Redis is deleted, then its passwords are replaced, then all of it is rolled: nothing acknowledged is lost, doubled or out of order", async (t) => {
  const [sender, receiver] = await twoOnDifferentServers(chat, `redis-${Date.now()}`);
  using _ = sender;
  using __ = receiver;
  using bystander = await new Person(chat, `bystander-${Date.now()}`).online();
  const members = [receiver.id, bystander.id];
  const { id } = await sender.client.createConversation({ kind: "group", memberIds: members, title: "Redis" });
  const traffic = [new Traffic(sender, id, 20), new Traffic(receiver, id, 10)];
  const acknowledged = () => traffic.reduce((all, { acknowledged: some }) => all.union(some), new Set<string>());
  /** Waits until more is acknowledged, on all connections anew. */
  const goesOn = async (what: string, since: number) => {
    const from = acknowledged().size;
    await until(() => acknowledged().size > from + 60, `traffic goes on after ${what}`, 120_000);
    t.diagnostic(`${what}: traffic goes on after ${Math.round(performance.now() - since)} ms`);
  };
  await until(() => acknowledged().size > 60, "traffic flows");

  const first = await redis.master();
  let since = performance.now();
  await cluster.kill(first, "redis", NAMESPACE);
  await goesOn("the master was killed", since);
  await scenario.reaches("whole.yaml");

  const all = await redis.uids("redis", "sentinel");
  since = performance.now();
  await redis.deleteAll();
  await until(
    async () => (await redis.uids("redis", "sentinel")).isDisjointFrom(all),
    "all pods to be others",
    120_000,
  );
  await goesOn("all pods were deleted", since);
  await scenario.reaches("whole.yaml");

  const kept = await redis.uids("redis", "sentinel");
  since = performance.now();
  await redis.rotatePasswords();
  t.diagnostic(`the passwords were replaced in ${Math.round(performance.now() - since)} ms`);
  assert.deepEqual(await redis.uids("redis", "sentinel"), kept, "by no pod of Redis that was replaced");
  await goesOn("the passwords were replaced", performance.now());

  // By the new passwords a master hands over that has run since before.
  const outdated = await redis.uids("redis");
  const before = await redis.master();
  since = performance.now();
  await scenario.patch("more-memory.yaml");
  await until(async () => (await redis.uids("redis")).isDisjointFrom(outdated), "all servers to be rolled", 180_000);
  await goesOn("all servers were rolled", since);
  await scenario.reaches("whole.yaml");
  const order = await redis.replaced();
  assert.equal(order.length, 3);
  assert.equal(order.at(-1), before, "the master goes last");
  assert.notEqual(await redis.master(), before);
  t.diagnostic(`rolled ${order.join(", ")} in ${Math.round(performance.now() - since)} ms`);

  await Promise.all(traffic.map((each) => each.end()));
  assert.deepEqual(
    traffic.flatMap(({ failures }) => failures),
    [],
    "no send was refused",
  );
  t.diagnostic(`${acknowledged().size} messages to three people`);
  for (const person of [sender, receiver, bystander]) {
    await until(() => person.history.hasAll(acknowledged()), `${person.id} has every acknowledged message`);
    person.history.assertOnceAndInOrder(person.id);
    assert.deepEqual(
      person.history.of(id).map((message) => message.id),
      sender.history.of(id).map((message) => message.id),
      "one order for all",
    );
  }
});
