import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Cluster, clusterIsUp, manifestOf } from "../../support/cluster.ts";
import { Person } from "../../support/person.ts";
import { CassandraRing } from "../../support/ring.ts";
import { Scenario } from "../../support/scenario.ts";
import { Traffic } from "../../support/traffic.ts";

const NAMESPACE = "snapshots";
/** The claim that the StatefulSet of the first one's store makes. */
const CLAIM = "data-first-snapshots-0";
const START = 180_000;

const Snapshots = Type.Object({
  status: Type.Object({
    cassandra: Type.Object({
      snapshots: Type.Optional(
        Type.Object({
          request: Type.Optional(Type.String()),
          last: Type.Optional(Type.Object({ name: Type.String(), bytes: Type.Integer() })),
        }),
      ),
    }),
  }),
});

let cluster: Cluster;
let first: CassandraRing;
let again: CassandraRing;

function manifest(name: string, cassandra: Record<string, unknown>) {
  return manifestOf(cluster, name, NAMESPACE, {
    retention: { volumes: "Delete" },
    cassandra: { heap: "256Mi", storage: { size: "512Mi" }, jvmOptions: ["-XX:TieredStopAtLevel=1"], ...cassandra },
  });
}

before(async () => {
  cluster = await clusterIsUp();
  first = new CassandraRing(cluster, NAMESPACE, "first");
  again = new CassandraRing(cluster, NAMESPACE, "again");
  await first.create(await manifest("first", { snapshots: { everyHours: 0, storage: { size: "512Mi" } } }));
});
after(async () => {
  // A namespace that is deleted with its pods waits for half of the time that Cassandra may take to end.
  await kubectl("delete", "chat", "--all", "--wait=true", "--timeout=60s");
  await until(async () => (await names("pods")).length === 0, "all pods to be gone", 120_000, { every: 250 });
  await first.delete();
});

const kubectl = (...args: string[]) => cluster.kubectl.run([...args, "-n", NAMESPACE]);

async function names(kind: string): Promise<string[]> {
  return (await kubectl("get", kind, "-o", "name")).split("\n").filter((line) => line !== "");
}

test("a snapshot is made under traffic; the ChatCluster goes with its data, and a new one has every message and goes on", async (t) => {
  await first.ready(START);
  const since = (from: number) => `${((performance.now() - from) / 1_000).toFixed(1)} s`;
  const [sender, member] = [`sender-${Date.now()}`, `member-${Date.now()}`];
  let id: string;
  let before: ReadonlySet<string>;
  let name: string;
  let started = performance.now();
  {
    await using chat = await cluster.chatOf(NAMESPACE, "first");
    using writer = await new Person(chat, sender).online();
    ({ id } = await writer.client.createConversation({ kind: "group", memberIds: [member], title: "kept" }));
    using traffic = new Traffic(writer, id, 50);
    await until(() => traffic.acknowledged.size >= 100, "people to write", 20_000);
    before = new Set(traffic.acknowledged);
    started = performance.now();
    await kubectl("annotate", "chat", "first", "chatcluster.dev/snapshot=e2e");
    const { last } = await until(
      async () => {
        const found = Value.Parse(Snapshots, await cluster.kubectl.json(["get", "chat", "first", "-n", NAMESPACE]));
        const { snapshots } = found.status.cassandra;
        return snapshots?.request === "e2e" ? snapshots : undefined;
      },
      "the snapshot to be complete",
      60_000,
    );
    assert.ok(last && last.bytes > 0);
    name = last.name;
    t.diagnostic(`a snapshot of ${last.bytes} bytes in ${since(started)}, of ${before.size} messages and more`);
    await traffic.end();
    assert.deepEqual(traffic.failures, [], "nobody was refused meanwhile");
  }
  assert.match((await first.events("SnapshotTaken"))[0] ?? "", new RegExp(name));

  await kubectl("delete", "chat", "first", "--wait=true", "--timeout=60s");
  await until(async () => (await names("pvc")).length === 1, "its data to be gone", 60_000, { every: 250 });
  assert.deepEqual(await names("pvc"), [`persistentvolumeclaim/${CLAIM}`]);

  started = performance.now();
  const restoring = await manifest("again", {
    snapshots: { everyHours: 0, claimName: CLAIM },
    restore: { snapshot: name },
  });
  await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(restoring));
  await again.ready(START);
  t.diagnostic(`Ready with the snapshot ${since(started)} after it was applied`);
  await new Scenario(cluster, import.meta.dirname).reaches("restored.yaml");

  await using chat = await cluster.chatOf(NAMESPACE, "again");
  using reader = await new Person(chat, member).online();
  using writer = await new Person(chat, sender).online();
  const seen = new Set<string>();
  let page = await reader.client.fetchHistory(id, { limit: 100 });
  for (;;) {
    for (const message of page.messages) seen.add(message.id);
    const [oldest] = page.messages.map((message) => message.id).sort();
    if (!page.more || oldest === undefined) break;
    page = await reader.client.fetchHistory(id, { limit: 100, before: oldest });
  }
  const lost = [...before].filter((each) => !seen.has(each));
  assert.deepEqual(lost, [], `${lost.length} of ${before.size} messages that were acknowledged before the snapshot`);
  const { messageId } = await writer.client.send(id, "and on");
  assert.ok(
    [...seen].every((each) => each < messageId),
    "the order goes on",
  );
  await until(() => reader.history.hasAll(new Set([messageId])), "the other to have it");
});
