import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Client, type KubernetesObject, Secret } from "../runtime/index.ts";
import { createSample, sampleChild } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let system: OperatorSystem;
let admin: Client;

before(async () => {
  system = await startOperatorSystem();
  ({ admin } = system);
});
after(() => system[Symbol.asyncDispose]());

const SECRETS = ["auth", "redis", "admin", "cassandra", "cassandra-admin", "cassandra-agent"];
const KEPT = ["cassandra", "cassandra-admin"];

async function secrets(namespace: string): Promise<Map<string, KubernetesObject>> {
  const { items } = await admin.list(Secret, { namespace });
  return new Map(items.map((each) => [each.metadata.name.replace("sample-", ""), each]));
}

function owned(objects: ReadonlyMap<string, KubernetesObject>): string[] {
  return [...objects].filter(([, { metadata }]) => metadata.ownerReferences !== undefined).map(([name]) => name);
}

/** Deletes the ChatCluster and plays the garbage collector for what it owns. */
async function deleteSample(namespace: string): Promise<void> {
  await admin.delete(CHAT_CLUSTER, { namespace, name: "sample" });
  for (const name of owned(await secrets(namespace))) await admin.delete(Secret, { namespace, name: `sample-${name}` });
}

test("Cassandra's passwords stay with its volumes, and a new ChatCluster of the name takes them up", async () => {
  const namespace = await restrictedNamespace(admin, "kept");
  await createSample(admin, namespace);
  const before = await secrets(namespace);
  assert.deepEqual([...before.keys()].sort(), [...SECRETS].sort());
  for (const name of KEPT) {
    assert.equal(before.get(name)?.metadata.ownerReferences, undefined, name);
    assert.equal(before.get(name)?.metadata.labels?.["chatcluster.dev/retained"], "true", name);
  }
  await deleteSample(namespace);
  assert.deepEqual([...(await secrets(namespace)).keys()].sort(), KEPT);

  await createSample(admin, namespace);
  const after = await secrets(namespace);
  for (const name of KEPT) assert.deepEqual(after.get(name)?.data, before.get(name)?.data, name);
  assert.notDeepEqual(after.get("redis")?.data, before.get("redis")?.data);
});

test("a kept Secret that is taken away or changed is put right as any other child", async () => {
  const namespace = await restrictedNamespace(admin, "kept-drift");
  await createSample(admin, namespace);
  const name = { namespace, name: "sample-cassandra" };
  const { data } = await admin.get(Secret, name);
  await admin.mergePatch(Secret, name, { metadata: { labels: { "chatcluster.dev/retained": null } } });
  const isBack = async () => (await admin.get(Secret, name)).metadata.labels?.["chatcluster.dev/retained"] === "true";
  await until(isBack, "the label to be back");
  assert.deepEqual((await admin.get(Secret, name)).data, data);
});

test("with volumes that go, the passwords go too; the policy may change either way", async () => {
  const namespace = await restrictedNamespace(admin, "gone");
  await createSample(admin, namespace, { retention: { volumes: "Delete" } });
  const { data } = await sampleChild(admin, namespace, Secret, "cassandra");
  const ownedNow = async () => owned(await secrets(namespace)).sort();
  assert.deepEqual(await ownedNow(), [...SECRETS].sort());
  const policy = (volumes: string) =>
    admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { retention: { volumes } } });
  await policy("Keep");
  await until(async () => (await ownedNow()).length === SECRETS.length - KEPT.length, "two to be disowned");
  await policy("Delete");
  await until(async () => (await ownedNow()).length === SECRETS.length, "all to be owned");
  assert.deepEqual((await sampleChild(admin, namespace, Secret, "cassandra")).data, data);
  await deleteSample(namespace);
  assert.equal((await secrets(namespace)).size, 0);
});
