import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import {
  type Client,
  Event,
  isNotFound,
  type KubernetesObject,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  Secret,
  Service,
  StatefulSet,
} from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

const SERVERS = ["sample-redis-0", "sample-redis-1", "sample-redis-2"];
const SENTINELS = ["sample-sentinel-0", "sample-sentinel-1", "sample-sentinel-2"];

let system: OperatorSystem;
let admin: Client;
let operator: OperatorSystem["operator"];

before(async () => {
  system = await startOperatorSystem();
  ({ admin, operator } = system);
});
after(() => system[Symbol.asyncDispose]());

/** Plays the StatefulSet's controller and the kubelet: a pod that runs and is ready, made of the template as it is now. */
async function runPod(namespace: string, name: string, revision: string): Promise<void> {
  const { spec } = await sampleChild(admin, namespace, StatefulSet, name.split("-")[1] ?? "");
  const { template } = spec as {
    template: { metadata: { labels: object; annotations: object }; spec: { volumes: object[] } };
  };
  const labels = { ...template.metadata.labels, "controller-revision-hash": revision };
  await admin.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: { ...template.spec, volumes: [...template.spec.volumes, { name: "data", emptyDir: {} }] },
  });
  const address = `192.0.2.${1 + [...SERVERS, ...SENTINELS].indexOf(name)}`;
  const ready = {
    phase: "Running",
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: [{ type: "Ready", status: "True" }],
  };
  await admin.mergePatch(Pod, { namespace, name }, { status: ready }, "status");
}

async function setStatus(namespace: string, suffix: string, updateRevision: string): Promise<void> {
  const { metadata } = await sampleChild(admin, namespace, StatefulSet, suffix);
  const counts = { replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3 };
  const status = { observedGeneration: metadata.generation, updateRevision, ...counts };
  await admin.mergePatch(StatefulSet, { namespace, name: `sample-${suffix}` }, { status }, "status");
}

/** What Redis and the sentinels say from now on. */
function elect(master: string, except: readonly string[] = []): void {
  for (const name of SERVERS) {
    if (except.includes(name)) operator.redis.servers.delete(name);
    else if (name === master) operator.redis.servers.set(name, { role: "master", follows: undefined, linked: false });
    else operator.redis.servers.set(name, { role: "replica", follows: master, linked: true });
  }
  for (const name of SENTINELS) operator.redis.sentinels.set(name, { master, canFailOver: true });
}

/** A ChatCluster for one test: what Redis says is scripted by names of pods, which are the same in all of them. */
async function replicated(t: TestContext, name: string): Promise<string> {
  const namespace = await restrictedNamespace(admin, name);
  t.after(() => admin.delete(CHAT_CLUSTER, { namespace, name: "sample" }));
  await createSample(admin, namespace, { redis: { mode: "sentinel" } });
  elect("sample-redis-0");
  for (const pod of [...SERVERS, ...SENTINELS]) await runPod(namespace, pod, "first");
  for (const suffix of ["redis", "sentinel"]) await setStatus(namespace, suffix, "first");
  await redisIs(namespace, "AllReady");
  return namespace;
}

const redisReady = async (namespace: string) => condition(await sampleStatus(admin, namespace), "RedisReady");

async function redisIs(namespace: string, reason: string): Promise<void> {
  await until(async () => (await redisReady(namespace))?.reason === reason, `RedisReady ${reason}`, 30_000);
}

async function events(namespace: string, reason: string): Promise<string[]> {
  const { items } = await admin.list(Event, { namespace });
  return items.filter((event) => event.reason === reason).map(({ note }) => String(note));
}

test("a master, its replicas and three sentinels are made, each known by the address of its own Service, and nothing is forbidden", async (t) => {
  const namespace = await replicated(t, "made");
  const hosts = await Promise.all(
    [...SERVERS, ...SENTINELS].map(async (name) => {
      const { spec } = await admin.get(Service, { namespace, name });
      return { hostnames: [name], ip: (spec as { clusterIP: string }).clusterIP };
    }),
  );
  for (const suffix of ["redis", "sentinel"]) {
    const { spec } = await sampleChild(admin, namespace, StatefulSet, suffix);
    const { replicas, template } = spec as { replicas: number; template: { spec: { hostAliases: object[] } } };
    assert.equal(replicas, 3);
    assert.deepEqual(template.spec.hostAliases, hosts);
    await sampleChild(admin, namespace, PodDisruptionBudget, suffix);
    await sampleChild(admin, namespace, NetworkPolicy, suffix);
  }
  const { data } = await sampleChild(admin, namespace, Secret, "redis");
  assert.deepEqual(Object.keys(data as object).sort(), [
    "auth.conf",
    "node-password",
    "operator-password",
    "password",
    "sentinel-auth.conf",
  ]);
  const { redisMaster } = await sampleStatus(admin, namespace);
  assert.equal(redisMaster, "sample-redis-0");
  assert.match((await redisReady(namespace))?.message ?? "", /sample-redis-0 is the master, 2 of 2 replicas follow it/);
  assert.deepEqual(await operator.forbidden(), []);
});

test("a failover is an Event, in the status and on the pods' label; a lost replica and a lost master are conditions", async (t) => {
  const namespace = await replicated(t, "failover");
  elect("sample-redis-0", ["sample-redis-0"]);
  await redisIs(namespace, "NoMaster");
  assert.equal((await redisReady(namespace))?.status, "False");
  elect("sample-redis-1", ["sample-redis-0"]);
  await redisIs(namespace, "EnoughReady");
  assert.equal((await sampleStatus(admin, namespace)).redisMaster, "sample-redis-1");
  await until(
    async () =>
      (await events(namespace, "RedisFailover")).includes("Redis' master is sample-redis-1, it was sample-redis-0"),
    "an Event",
  );
  const role = async (name: string) =>
    (await admin.get(Pod, { namespace, name })).metadata.labels?.["chatcluster.dev/redis-role"];
  assert.deepEqual(await Promise.all(SERVERS.map(role)), ["replica", "master", "replica"]);
  elect("sample-redis-1");
  await redisIs(namespace, "AllReady");
});

test("sentinels that could not fail over are a Degraded condition while Redis goes on", async (t) => {
  const namespace = await replicated(t, "quorum");
  for (const name of SENTINELS.slice(1)) operator.redis.sentinels.delete(name);
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  await until(async () => (await degraded())?.reason === "SentinelQuorumLost", "SentinelQuorumLost", 30_000);
  assert.equal((await redisReady(namespace))?.status, "True");
  await until(async () => (await events(namespace, "SentinelQuorumLost")).length > 0, "an Event");
  elect("sample-redis-0");
  await until(async () => (await degraded())?.status === "False", "the quorum to be back", 30_000);
});

test("a replica that the sentinels left with another server is led to the master", async (t) => {
  const namespace = await replicated(t, "astray");
  operator.redis.servers.set("sample-redis-2", { role: "replica", follows: "sample-redis-1", linked: true });
  await redisIs(namespace, "EnoughReady");
  await redisIs(namespace, "AllReady");
  const note = await until(async () => (await events(namespace, "RedisReplicaLedBack"))[0], "an Event");
  assert.match(note, /sample-redis-2 to Redis' master sample-redis-0/);
});

test("pods with older settings are replaced one at a time, the master last, and none while there is no master", async (t) => {
  const namespace = await replicated(t, "roll");
  elect("sample-redis-1");
  await until(async () => (await sampleStatus(admin, namespace)).redisMaster === "sample-redis-1", "the master");
  await admin.mergePatch(
    CHAT_CLUSTER,
    { namespace, name: "sample" },
    {
      spec: { redis: { resources: { limits: { memory: "2Gi" } } } },
    },
  );
  await until(async () => (await sampleStatus(admin, namespace)).observedGeneration === 2, "the new generation");
  await setStatus(namespace, "redis", "second");
  const replaced: string[] = [];
  for (let count = 0; count < SERVERS.length; count++) {
    const gone = await until(
      async () => {
        const pods = await Promise.all(SERVERS.map((name) => admin.get(Pod, { namespace, name }).catch(absent)));
        const missing = pods
          .map((pod, index) => ({ pod, name: SERVERS[index] ?? "" }))
          .filter(({ pod }) => isGone(pod));
        assert.ok(missing.length <= 1, "one at a time");
        return missing[0]?.name;
      },
      "the next pod to go",
      30_000,
    );
    replaced.push(gone);
    // A pod that was never scheduled goes at once; as the kubelet would have it, the next one comes and follows.
    if (gone === "sample-redis-1") elect("sample-redis-2");
    await runPod(namespace, gone, "second");
  }
  assert.deepEqual(replaced, ["sample-redis-2", "sample-redis-0", "sample-redis-1"]);
  await redisIs(namespace, "AllReady");
  await until(async () => (await events(namespace, "RedisPodReplaced")).length === 3, "three Events");
});

function absent(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

function isGone(pod: KubernetesObject | undefined): boolean {
  return pod === undefined || pod.metadata.deletionTimestamp !== undefined;
}

test("a Redis of the user: none is made, and its Secret is looked at before pods want it", async () => {
  const namespace = await restrictedNamespace(admin, "external");
  const external = { url: "rediss://cache.example:6380", secretName: "cache-login" };
  await createSample(admin, namespace, { redis: { mode: "external", external } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  assert.equal((await degraded())?.reason, "RedisSecretMissing");
  assert.match((await degraded())?.message ?? "", /cache-login, which spec\.redis\.external\.secretName names/);
  const data = { password: Buffer.from("theirs").toString("base64") };
  await admin.create({ apiVersion: "v1", kind: "Secret", metadata: { name: "cache-login", namespace }, data });
  await until(async () => (await degraded())?.status === "False", "the Secret to be taken", 30_000);
  assert.equal((await redisReady(namespace))?.reason, "External");
  await assert.rejects(sampleChild(admin, namespace, StatefulSet, "redis"), { code: "kubernetes_not_found" });
  await assert.rejects(sampleChild(admin, namespace, Secret, "redis"), { code: "kubernetes_not_found" });
});
