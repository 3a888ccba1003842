import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Client, Deployment, isNotFound, StatefulSet } from "../runtime/index.ts";
import { clientOf, installCrd, sampleChild } from "../testing/chat-cluster-api.ts";
import { operatorAccount } from "../testing/operator-fixture.ts";
import { RingOf } from "../testing/ring-of.ts";
import { RESTORED_ANNOTATION, RESTORING_ANNOTATION } from "./restore.ts";

let server: ApiServer;
let admin: Client;
let account: KubeConfig;

before(async () => {
  server = await startApiServer();
  admin = clientOf(server.kubeconfig);
  await installCrd(admin);
  account = await operatorAccount(server, admin);
});
after(async () => {
  admin.close();
  await server.stop();
});

const ringIn = (namespace: string) => new RingOf(admin, account, namespace);
const OLD = "old-20260101-000000";

async function chatServersExist(namespace: string): Promise<boolean> {
  return sampleChild(admin, namespace, Deployment, "chat").then(
    () => true,
    (error: unknown) => {
      if (isNotFound(error)) return false;
      throw error;
    },
  );
}

test("a snapshot is made when it is due and for each new value of the annotation, whichever operator was killed in between", async () => {
  const ring = ringIn("snapshots");
  const snapshots = async () => (await ring.status()).cassandra?.snapshots;
  {
    await using _first = await ring.operator();
    await ring.create({ cassandra: { nodes: 2, replicationFactor: 1, snapshots: { keep: 3, everyHours: 24 } } });
    await ring.run(0, 1);
    await until(async () => (await ring.status()).cassandra?.hostIds?.length === 2, "the ring to be known");
    assert.equal(ring.store.takes.length, 0, "not before there is somewhere to put it");
    await ring.runStore();
    await until(() => ring.store.takes.length === 1, "the first snapshot to be asked for");
    const [first] = ring.store.takes;
    assert.match(first?.name ?? "", /^sample-\d{8}-\d{6}$/);
    assert.deepEqual([first?.keep, first?.request], [3, undefined]);
    assert.deepEqual(
      first?.nodes.map(({ pod }) => pod),
      ["sample-cassandra-0", "sample-cassandra-1"],
    );
    ring.store.finish();
    await until(async () => (await snapshots())?.last?.name === first?.name, "it to be told");
    assert.equal((await snapshots())?.last?.bytes, 4711);

    await ring.ask("before the holidays");
    await until(() => ring.store.takes.length === 2, "the snapshot that was asked for");
    assert.equal(ring.store.takes[1]?.request, "before the holidays");
  }
  // The operator dies while it is made.
  await using operator = await ring.operator();
  await until(async () => (await snapshots())?.running === ring.store.takes[1]?.name, "the next operator to follow it");
  ring.store.finish();
  await until(async () => (await snapshots())?.request === "before the holidays", "it to be answered");
  assert.equal((await snapshots())?.running, undefined);
  const [writes, reconciles] = [await operator.writes(), await operator.reconciles()];
  await ring.touch();
  await until(async () => (await operator.reconciles()) > reconciles, "another look");
  assert.equal(ring.store.takes.length, 2, "the same value asks for nothing");
  assert.equal(await operator.writes(), writes, "snapshots at rest cost no write");
  assert.deepEqual(await operator.forbidden(), []);
});

test("the next snapshot is due so many hours after the last of this ChatCluster", async () => {
  for (const [hours, due] of [
    [23, 0],
    [25, 1],
  ] as const) {
    const ring = ringIn(`due-${hours}`);
    const ago = (count: number) => new Date(Date.now() - count * 3_600_000).toISOString();
    const at = { takenAt: ago(hours), completedAt: ago(hours), bytes: 1 };
    ring.store.snapshots.push({ ...at, name: "sample-20260101-000000" });
    ring.store.snapshots.push({ ...at, takenAt: ago(1), name: OLD });
    await using _operator = await ring.operator();
    await ring.create({ cassandra: { snapshots: { everyHours: 24 } } });
    await ring.run(0, 0);
    await ring.runStore();
    const { last, names, running } = await until(
      async () => (await ring.status()).cassandra?.snapshots,
      "the snapshots to be known",
    );
    assert.deepEqual([last?.name, names], ["sample-20260101-000000", ["sample-20260101-000000", OLD]]);
    assert.deepEqual([ring.store.takes.length, running], [due, ring.store.takes[0]?.name], `${hours} hours after`);
  }
});

test("a snapshot that fails is told; another request is tried at once", async () => {
  const ring = ringIn("failing");
  await using _operator = await ring.operator();
  await ring.create({ cassandra: { snapshots: { everyHours: 0 } } });
  await ring.run(0, 0);
  await ring.runStore();
  await until(async () => (await ring.status()).cassandra?.snapshots, "the snapshots to be known");
  assert.equal(ring.store.takes.length, 0, "on request only");
  ring.store.failure = "no space left on device";
  await ring.ask("1");
  assert.match(await ring.reason("Degraded", "SnapshotFailed"), /no space left on device/);
  ring.store.failure = undefined;
  await ring.ask("2");
  await until(() => ring.store.takes.length === 2, "the second request");
  ring.store.finish();
  await ring.reason("Degraded", "AsExpected");
});

test("a new ring is made from a snapshot before there are chat servers: its schema, then what each node had, and once only", async () => {
  const ring = ringIn("restore");
  const at = "2026-01-01T00:00:00Z";
  ring.store.snapshots.push({ name: OLD, takenAt: at, completedAt: at, bytes: 100 });
  ring.store.nodes = ["old-cassandra-0", "old-cassandra-1", "old-cassandra-2"];
  ring.agents.restoreState = { state: "running" };
  {
    await using _first = await ring.operator();
    await ring.create({ cassandra: { nodes: 2, snapshots: { claimName: "old" }, restore: { snapshot: OLD } } });
    await ring.run(0, 1);
    assert.match(await ring.reason("Progressing", "Restoring"), new RegExp(OLD));
    await ring.runStore();
    await until(() => ring.agents.restores.length === 1, "the first node to load");
    assert.deepEqual(ring.schema.created, [["CREATE TABLE chat.messages (id int PRIMARY KEY);\n"]]);
    assert.equal((await ring.claim(0)).metadata.annotations?.[RESTORING_ANNOTATION], OLD);
    assert.equal(await chatServersExist("restore"), false);
    const { spec } = await sampleChild(admin, "restore", StatefulSet, "snapshots");
    assert.match(JSON.stringify(spec), /"persistentVolumeClaim":\{"claimName":"old"\}/);
  }
  assert.equal(ring.store.takes.length, 0, "nothing is snapshotted that is not whole");
  // The operator dies while a node loads: the keyspace is there, and is known to be its own.
  await using operator = await ring.operator();
  await until(() => ring.agents.restores.length === 2, "the next operator to go on");
  ring.agents.restoreState = { state: "failed", message: "the stream broke" };
  assert.match(
    await ring.reason("Degraded", "RestoreFailed"),
    /sample-cassandra-0 .* old-cassandra-0 had: the stream broke/,
  );
  ring.agents.restoreState = { state: "completed" };
  await until(async () => (await ring.status()).cassandra?.restored?.snapshot === OLD, "it to be over", 30_000);
  assert.deepEqual(ring.agents.restores.slice(-3), [
    "sample-cassandra-0 loads old-cassandra-0",
    "sample-cassandra-1 loads old-cassandra-1",
    "sample-cassandra-0 loads old-cassandra-2",
  ]);
  await until(() => chatServersExist("restore"), "the chat servers to be made");
  const annotations = (await ring.claim(0)).metadata.annotations ?? {};
  assert.deepEqual([annotations[RESTORING_ANNOTATION], annotations[RESTORED_ANNOTATION]], [undefined, OLD]);
  assert.deepEqual(await operator.forbidden(), []);
});

test("nothing is restored where the snapshot is missing, the volumes hold messages or have no room; each is told", async () => {
  const at = "2026-01-01T00:00:00Z";
  const restoring = async (namespace: string, prepare: (ring: RingOf) => void) => {
    const ring = ringIn(namespace);
    ring.store.nodes = ["old-cassandra-0"];
    prepare(ring);
    const operator = await ring.operator();
    await ring.create({ cassandra: { snapshots: {}, restore: { snapshot: OLD } } });
    await ring.run(0, 0);
    await ring.runStore();
    return { ring, [Symbol.asyncDispose]: () => operator[Symbol.asyncDispose]() };
  };
  const old = { name: OLD, takenAt: at, completedAt: at, bytes: 100 };
  {
    await using missing = await restoring("missing", ({ store }) => {
      store.snapshots.push({ ...old, name: "older-20250101-000000" });
    });
    assert.match(await missing.ring.reason("Degraded", "SnapshotMissing"), /there are older-20250101-000000/);
    assert.equal(await chatServersExist("missing"), false);
  }
  {
    await using full = await restoring("holds", ({ store, schema }) => {
      store.snapshots.push(old);
      schema.isThere = true;
    });
    assert.match(await full.ring.reason("Degraded", "RestoreRefused"), /holds messages already/);
    assert.deepEqual(full.ring.agents.restores, []);
  }
  await using small = await restoring("small", ({ store, agents }) => {
    store.snapshots.push(old);
    agents.freeBytes = 1000;
  });
  assert.match(await small.ring.reason("Degraded", "RestoreRefused"), /sample-cassandra-0 has 1000 bytes of room/);
  assert.deepEqual(small.ring.schema.created, []);
});
