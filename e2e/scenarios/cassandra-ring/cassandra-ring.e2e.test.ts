import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp, manifestOf } from "../../support/cluster.ts";
import { type Chat, Person } from "../../support/person.ts";
import { CassandraRing } from "../../support/ring.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

const NAMESPACE = "ring";
/** Milliseconds in which a Cassandra node starts or joins on a busy machine. */
const NODE_START = 180_000;

let cluster: Cluster;
let scenario: Scenario;
let ring: CassandraRing;
let chat: Chat & AsyncDisposable;
let sender: Person;
let member: Person;
let traffic: Traffic;

before(async () => {
  cluster = await clusterIsUp();
  scenario = new Scenario(cluster, import.meta.dirname);
  ring = new CassandraRing(cluster, NAMESPACE, "ring");
  await ring.create(
    await manifestOf(cluster, "ring", NAMESPACE, {
      retention: { volumes: "Delete" },
      cassandra: {
        nodes: 1,
        replicationFactor: 1,
        heap: "256Mi",
        storage: { size: "512Mi" },
        // What a ring waits for when a node comes: seconds are enough on one machine. And what starts a JVM sooner.
        jvmOptions: [
          "-Dcassandra.ring_delay_ms=3000",
          "-Dcassandra.broadcast_interval_ms=3000",
          "-Dcassandra.gossip_settle_min_wait_ms=500",
          "-Dcassandra.gossip_settle_interval_ms=500",
          "-XX:TieredStopAtLevel=1",
        ],
      },
    }),
  );
});
after(async () => {
  sender?.[Symbol.dispose]();
  member?.[Symbol.dispose]();
  await chat?.[Symbol.asyncDispose]();
  await ring.delete();
});

/** Messages acknowledged by now, and that they go on being. */
async function chatGoesOn(during: string): Promise<void> {
  const before = traffic.acknowledged.size;
  await until(() => traffic.acknowledged.size >= before + 50, `50 messages to be acknowledged ${during}`, 20_000);
}

test("one node grows to three with three copies under traffic: nodes join one by one, copies come one by one with repairs", async (t) => {
  await ring.ready(NODE_START);
  chat = await cluster.chatOf(NAMESPACE, "ring");
  sender = await new Person(chat, `sender-${Date.now()}`).online();
  member = await new Person(chat, `member-${Date.now()}`).online();
  const { id } = await sender.client.createConversation({ kind: "group", memberIds: [member.id], title: "ring" });
  traffic = new Traffic(sender, id, 20);
  await chatGoesOn("on one node");

  const started = performance.now();
  await scenario.patch("grow.yaml");
  await ring.ready(3 * NODE_START);
  await scenario.reaches("grown.yaml");
  t.diagnostic(`grown in ${Math.round((performance.now() - started) / 1000)} s`);
  assert.deepEqual(await ring.states(), ["UN", "UN", "UN"]);
  const begun = await ring.startTimes();
  const joined = await ring.readyTimes();
  assert.ok((begun[2] ?? 0) >= (joined[1] ?? Infinity), "node 2 began before node 1 was up and normal");
  for (const keyspace of ["system_auth", "chat"]) assert.equal(await ring.replicas(keyspace), 3, keyspace);
  assert.deepEqual(await ring.events("ReplicationRepaired"), [
    "There are 2 copies of every row",
    "There are 3 copies of every row",
  ]);
  await chatGoesOn("on three nodes");
});

test("a node that is killed comes back, and chat goes on without it", async () => {
  const before = await ring.restarts("ring-cassandra-1");
  await cluster.kill("ring-cassandra-1", "cassandra", NAMESPACE);
  await until(() => ring.isReady("ring-cassandra-1").then((ready) => !ready), "the killed node to count as not ready");
  await chatGoesOn("while a node is away");
  await until(() => ring.isReady("ring-cassandra-1"), "the killed node to be back", NODE_START, { every: 500 });
  assert.equal(await ring.restarts("ring-cassandra-1"), before + 1);
});

test("a node that is lost with its volume is replaced: the same pod takes its place and streams what it held", async (t) => {
  const started = performance.now();
  const [address, hostId] = [(await ring.addresses())[0], (await ring.hostIds())[0]];
  await ring.loseNode(0);
  await chatGoesOn("while the first node is away");
  await until(() => ring.isReady("ring-cassandra-0"), "the lost node to be replaced", NODE_START, { every: 500 });
  await until(async () => (await ring.hostIds())[0] !== hostId, "the operator to know it");
  t.diagnostic(`replaced in ${Math.round((performance.now() - started) / 1000)} s`);
  assert.notEqual((await ring.addresses())[0], address);
  // Three, not four: nothing of the dead one is left in the ring.
  assert.deepEqual(await ring.states(), ["UN", "UN", "UN"]);
});

test("a changed setting of cassandra.yaml is rolled out one drained node at a time, and chat goes on", async (t) => {
  const started = performance.now();
  const addresses = await ring.addresses();
  const watching = new AbortController();
  let worst = 3;
  const watch = (async () => {
    while (!watching.signal.aborted) {
      worst = Math.min(worst, (await ring.readyPods()).length);
      await delay(200);
    }
  })();
  await scenario.patch("setting.yaml");
  await chatGoesOn("at the beginning of the roll-out");
  await ring.ready(3 * NODE_START);
  watching.abort();
  await watch;
  t.diagnostic(`rolled out in ${Math.round((performance.now() - started) / 1000)} s`);
  assert.equal(worst, 2, "one node at a time");
  const now = await ring.addresses();
  assert.equal(now.filter((address) => addresses.includes(address)).length, 0, "every node was restarted");
  assert.equal(await ring.setting("read_request_timeout"), "6s");
  assert.deepEqual(await ring.states(), ["UN", "UN", "UN"]);
});

test("three nodes shrink to two: copies first, then the last one hands over its data, and its pod and volume go", async (t) => {
  const started = performance.now();
  await scenario.patch("shrink.yaml");
  await chatGoesOn("while the ring shrinks");
  await ring.ready(2 * NODE_START);
  await scenario.reaches("shrunk.yaml");
  t.diagnostic(`shrunk in ${Math.round((performance.now() - started) / 1000)} s`);
  assert.deepEqual(await ring.states(), ["UN", "UN"]);
  assert.deepEqual(await ring.events("DecommissionFailed"), []);
  assert.deepEqual(await ring.readyPods(), ["ring-cassandra-0", "ring-cassandra-1"]);
  await until(async () => (await ring.claims()).length === 2, "the volume of the third to be gone");
  for (const keyspace of ["system_auth", "chat"]) assert.equal(await ring.replicas(keyspace), 2, keyspace);
});

test("nothing acknowledged was lost, and nothing was refused", async (t) => {
  await chatGoesOn("at the end");
  await traffic.end();
  await until(() => member.history.hasAll(traffic.acknowledged), "the member to have all", 60_000);
  member.history.assertHasAll(traffic.acknowledged, "the member");
  member.history.assertOnceAndInOrder("the member");
  t.diagnostic(`${traffic.acknowledged.size} acknowledged, ${traffic.failures.length} not`);
  assert.deepEqual(traffic.failures, []);
});
