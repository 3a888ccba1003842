import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Client, ConfigMap, Pod, StatefulSet } from "../runtime/index.ts";
import { clientOf, installCrd, sampleChild } from "../testing/chat-cluster-api.ts";
import { operatorAccount } from "../testing/operator-fixture.ts";
import { RingOf } from "../testing/ring-of.ts";
import { LEAVING_ANNOTATION } from "./cassandra-scale-down.ts";
import { CHAT_CLUSTER } from "./informers.ts";

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

test("fewer nodes: the last one hands over its data before its pod goes, whichever operator was killed in between", async () => {
  const ring = ringIn("scale-down");
  {
    await using _first = await ring.operator();
    await ring.create({ cassandra: { nodes: 3, replicationFactor: 1 } });
    await ring.run(0, 2);
    await until(async () => (await ring.status()).cassandra?.replicationFactor === 1, "the ring to be known");
    const hostIds = ["sample-cassandra-0", "sample-cassandra-1", "sample-cassandra-2"];
    assert.deepEqual((await ring.status()).cassandra, { nodes: 3, replicationFactor: 1, hostIds });
    const { data } = await sampleChild(admin, "scale-down", ConfigMap, "cassandra");
    assert.equal((data as Record<string, string>)["host-ids.json"], JSON.stringify(hostIds));
    await ring.patch({ nodes: 2 });
    await until(() => ring.agents.decommissions.length === 1, "the decommission to be asked for");
    assert.match(await ring.reason("Progressing", "DecommissioningNode"), /sample-cassandra-2/);
  }
  assert.deepEqual(ring.agents.decommissions, ["sample-cassandra-2"]);
  assert.equal((await ring.claim(2)).metadata.annotations?.[LEAVING_ANNOTATION], "sample-cassandra-2");
  assert.equal(await ring.replicas(), 3, "nothing goes before the data has gone");

  await using operator = await ring.operator();
  await ring.reason("Progressing", "DecommissioningNode");
  assert.equal(ring.agents.decommissions.length, 1, "it leaves already");
  ring.agents.leave("sample-cassandra-2");
  await ring.replicasAre(2);
  await ring.deletePod(2);
  await until(async () => (await ring.status()).cassandra?.nodes === 2, "the ring to be of two");
  await ring.reason("Progressing", "RollingOut");
  assert.deepEqual(await operator.forbidden(), []);

  // The volume was kept: Cassandra would refuse to start on it.
  await ring.patch({ nodes: 3 });
  assert.match(await ring.reason("Degraded", "VolumeOfDecommissionedNode"), /data-sample-cassandra-2/);
  assert.equal(await ring.replicas(), 2);
  await ring.deleteClaim(2);
  await ring.replicasAre(3);
});

test("a restarted node that forgot that it was leaving is asked again; one that is wanted after all stays", async () => {
  const ring = ringIn("again");
  await using _operator = await ring.operator();
  await ring.create({ cassandra: { nodes: 2, replicationFactor: 1 } });
  await ring.run(0, 1);
  await until(async () => (await ring.status()).cassandra?.replicationFactor === 1, "the ring to be known");
  await ring.patch({ nodes: 1 });
  await until(() => ring.agents.decommissions.length === 1, "the decommission to be asked for");
  ring.agents.join("sample-cassandra-1");
  await until(() => ring.agents.decommissions.length === 2, "the decommission to be asked for again");
  await ring.patch({ nodes: 2 });
  ring.agents.join("sample-cassandra-1");
  await until(
    async () => (await ring.claim(1)).metadata.annotations?.[LEAVING_ANNOTATION] === undefined,
    "the note to be taken off",
  );
  assert.equal(await ring.replicas(), 2);
});

test("a node whose data the others have no room for does not leave", async () => {
  const ring = ringIn("room");
  await using _operator = await ring.operator();
  ring.agents.freeBytes = 100;
  await ring.create({ cassandra: { nodes: 2, replicationFactor: 1 } });
  await ring.run(0, 1);
  await until(async () => (await ring.status()).cassandra?.replicationFactor === 1, "the ring to be known");
  await ring.patch({ nodes: 1 });
  assert.match(await ring.reason("Degraded", "NotEnoughRoom"), /sample-cassandra-0 has too little room/);
  assert.deepEqual(ring.agents.decommissions, []);
  ring.agents.freeBytes = 1e9;
  await until(() => ring.agents.decommissions.length === 1, "the decommission to be asked for");
});

test("more copies come one at a time, each repaired on every node before the next, also by the next operator", async () => {
  const ring = ringIn("copies");
  {
    await using _first = await ring.operator();
    await ring.create({ cassandra: { nodes: 3, replicationFactor: 1 } });
    await ring.run(0, 2);
    await until(async () => (await ring.status()).cassandra?.replicationFactor === 1, "the ring to be known");
    ring.agents.repairState = { state: "running" };
    await ring.patch({ replicationFactor: 3 });
    await until(() => ring.agents.repairs.length === 1, "the first repair");
    assert.deepEqual(ring.replication.changes, [2], "one copy more, not two");
    await ring.reason("Progressing", "ChangingReplication");
  }
  assert.equal((await ring.status()).cassandra?.replicationFactor, 1, "not true before the repair is over");
  await using _next = await ring.operator();
  await until(() => ring.agents.repairs.length === 2, "the next operator to repair");
  ring.agents.repairState = { state: "failed", message: "a node went away" };
  assert.match(await ring.reason("Degraded", "ReplicationNotChanged"), /a node went away/);
  ring.agents.repairState = { state: "completed" };
  await until(async () => (await ring.status()).cassandra?.replicationFactor === 3, "three copies");
  assert.deepEqual(
    ring.replication.changes.filter((copies, index, all) => copies !== all[index - 1]),
    [2, 3],
  );
  const nodes = ["sample-cassandra-0", "sample-cassandra-1", "sample-cassandra-2"];
  const expected = nodes.flatMap((pod) => [`${pod} system_auth`, `${pod} chat`]);
  assert.deepEqual(ring.agents.repairs.slice(-6), expected);
});

test("after growth each older node is cleaned up, one after the other; neither a killed operator nor a failure forgets one", async () => {
  const ring = ringIn("growth");
  const left = async () => (await ring.status()).cassandra?.cleanup;
  {
    await using _first = await ring.operator();
    await ring.create({ cassandra: { nodes: 2, replicationFactor: 1 } });
    await ring.run(0, 1);
    await until(async () => (await ring.status()).cassandra?.hostIds?.length === 2, "the ring to be known");
    assert.equal(await left(), undefined, "a new ring has nothing to clean up");
    ring.agents.cleanupState = { state: "running" };
    await ring.patch({ nodes: 3 });
    await ring.replicasAre(3);
    assert.deepEqual(ring.agents.cleanups, [], "not before the new node is up");
    await ring.run(2, 2);
    assert.match(await ring.reason("Progressing", "CleaningUp"), /sample-cassandra-0/);
    await until(async () => (await left())?.length === 2, "both to be noted");
  }
  assert.deepEqual(await left(), [0, 1]);
  await using operator = await ring.operator();
  await until(() => ring.agents.cleanups.length === 2, "the next operator to clean up");
  ring.agents.cleanupState = { state: "unknown" };
  await until(() => ring.agents.cleanups.length === 3, "an agent that forgot to be asked again");
  assert.deepEqual(ring.agents.cleanups, Array(3).fill("sample-cassandra-0"));
  ring.agents.cleanupState = { state: "completed" };
  await until(async () => (await left()) === undefined, "all to be cleaned up");
  const asked = ring.agents.cleanups.filter((pod, index, all) => pod !== all[index - 1]);
  assert.deepEqual(asked, ["sample-cassandra-0", "sample-cassandra-1"]);
  // There are no chat servers here: that is all that is left to wait for.
  await ring.reason("Progressing", "RollingOut");
  const writes = await operator.writes();
  const reconciles = await operator.reconciles();
  await ring.touch();
  await until(async () => (await operator.reconciles()) > reconciles, "another look");
  assert.equal(await operator.writes(), writes, "a ring at rest costs no write");
  assert.equal(ring.agents.cleanups.at(-1), "sample-cassandra-1");
});

test("a cleanup that fails is told and tried again, and holds nothing else back", async () => {
  const ring = ringIn("unclean");
  ring.agents.cleanupState = { state: "failed", message: "no room for a compaction" };
  await using _operator = await ring.operator();
  await ring.create({ cassandra: { nodes: 1, replicationFactor: 1 } });
  await ring.run(0, 0);
  await until(async () => (await ring.status()).cassandra?.hostIds?.length === 1, "the ring to be known");
  await ring.patch({ nodes: 2 });
  await ring.replicasAre(2);
  await ring.run(1, 1);
  assert.match(await ring.reason("Degraded", "CleanupFailed"), /sample-cassandra-0 failed: no room for a compaction/);
  await ring.patch({ nodes: 3 });
  await ring.replicasAre(3);
});

test("each node is repaired when its time is over, the longest unrepaired first, and a failure is told and tried again", async () => {
  const ring = ringIn("schedule");
  ring.replication.copies = 2;
  await using _operator = await ring.operator();
  await ring.create({ cassandra: { nodes: 2, replicationFactor: 2, repairDays: 7 } });
  await ring.run(0, 1);
  const first = await until(async () => (await ring.status()).cassandra?.repairedAt, "the clock to begin");
  assert.equal(first.length, 2);
  assert.deepEqual(ring.agents.repairs, [], "nothing is due yet");
  const old = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+/, "");
  await admin.mergePatch(
    CHAT_CLUSTER,
    { namespace: "schedule", name: "sample" },
    { status: { cassandra: { repairedAt: [old(8), old(9)] } } },
    "status",
  );
  await until(
    async () => (await ring.status()).cassandra?.repairedAt?.every((at) => at >= (first[0] ?? "")),
    "both to be repaired",
  );
  assert.deepEqual(ring.agents.repairs, [
    "sample-cassandra-1 system_auth",
    "sample-cassandra-1 chat",
    "sample-cassandra-0 system_auth",
    "sample-cassandra-0 chat",
  ]);
  ring.agents.repairState = { state: "failed", message: "a disk is full" };
  await admin.mergePatch(
    CHAT_CLUSTER,
    { namespace: "schedule", name: "sample" },
    { status: { cassandra: { repairedAt: [old(0), old(8)] } } },
    "status",
  );
  assert.match(await ring.reason("Degraded", "RepairFailed"), /sample-cassandra-1 failed: a disk is full/);
});

test("a pod that a wrong setting keeps from running makes way for the corrected one; a working one and one of the newest template stay", async () => {
  const ring = ringIn("broken");
  await using operator = await ring.operator();
  await ring.create({ cassandra: { nodes: 3, replicationFactor: 1 } });
  await ring.run(0, 2);
  const name = (ordinal: number) => ({ namespace: "broken", name: `sample-cassandra-${ordinal}` });
  const waiting = { name: "cassandra", image: "i", imageID: "i", ready: false, restartCount: 5 };
  const crashing = [{ ...waiting, state: { waiting: { reason: "CrashLoopBackOff" } } }];
  const mark = async (ordinal: number, revision: string, isCrashing: boolean) => {
    await admin.mergePatch(Pod, name(ordinal), { metadata: { labels: { "controller-revision-hash": revision } } });
    const conditions = [{ type: "Ready", status: isCrashing ? "False" : "True" }];
    const status = isCrashing ? { conditions, containerStatuses: crashing } : { conditions };
    await admin.mergePatch(Pod, name(ordinal), { status }, "status");
  };
  await mark(0, "old", false);
  await mark(1, "new", true);
  await mark(2, "old", true);
  const { metadata } = await sampleChild(admin, "broken", StatefulSet, "cassandra");
  const status = { replicas: 3, updateRevision: "new", observedGeneration: metadata.generation };
  await admin.mergePatch(StatefulSet, { namespace: "broken", name: "sample-cassandra" }, { status }, "status");
  const exists = (ordinal: number) =>
    admin.get(Pod, name(ordinal)).then(
      ({ metadata: pod }) => pod.deletionTimestamp === undefined,
      () => false,
    );
  await until(async () => !(await exists(2)), "the broken pod to be deleted");
  assert.deepEqual([await exists(0), await exists(1)], [true, true]);
  assert.deepEqual(await operator.forbidden(), []);
});
