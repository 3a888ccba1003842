import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { KubeConfig } from "@kubernetes/client-node";
import {
  type Client,
  ConfigMap,
  Deployment,
  isNotFound,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  type ResourceKind,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
} from "../runtime/index.ts";
import {
  clientOf,
  condition,
  createSample,
  installCrd,
  sampleChild,
  sampleStatus,
} from "../testing/chat-cluster-api.ts";
import { operatorAccount, restrictedNamespace, startOperator } from "../testing/operator-fixture.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let server: ApiServer;
let admin: Client;
let account: KubeConfig;
let operator: Awaited<ReturnType<typeof startOperator>>;

before(async () => {
  server = await startApiServer();
  admin = clientOf(server.kubeconfig);
  await installCrd(admin);
  account = await operatorAccount(server, admin);
  operator = await startOperator(account);
});
after(async () => {
  await operator[Symbol.asyncDispose]();
  admin.close();
  await server.stop();
});

const CHILDREN: [kind: ResourceKind, suffixes: string[]][] = [
  [Deployment, ["chat", "ingress"]],
  [StatefulSet, ["redis", "cassandra"]],
  [Service, ["chat", "chat-admin", "redis", "cassandra", "ingress"]],
  [ConfigMap, ["redis", "cassandra", "ingress"]],
  [Secret, ["auth", "redis", "cassandra", "cassandra-admin", "cassandra-agent", "admin"]],
  [PodDisruptionBudget, ["chat", "redis", "cassandra", "ingress"]],
  [NetworkPolicy, ["redis", "cassandra"]],
  [ServiceAccount, ["ingress"]],
  [Role, ["ingress"]],
  [RoleBinding, ["ingress"]],
];

const create = (namespace: string, spec?: Record<string, unknown>) => createSample(admin, namespace, spec);
const statusOf = (namespace: string) => sampleStatus(admin, namespace);
const child = (namespace: string, kind: ResourceKind, suffix: string) => sampleChild(admin, namespace, kind, suffix);

async function patchSpec(namespace: string, spec: Record<string, unknown>): Promise<void> {
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec });
}

/** Waits until nothing was reconciled for a second. */
async function settle(): Promise<void> {
  let last = -1;
  let since = performance.now();
  await until(
    async () => {
      const count = await operator.reconciles();
      if (count !== last) {
        last = count;
        since = performance.now();
      }
      return performance.now() - since > 1000;
    },
    "the operator to come to rest",
    20_000,
  );
}

function configMapIsBack(namespace: string): Promise<boolean> {
  const found = () =>
    child(namespace, ConfigMap, "redis").then(
      () => true,
      () => false,
    );
  return until(found, "the ConfigMap to be back");
}

test("every object of a ChatCluster is made, owned by it, and nothing is forbidden", async () => {
  const namespace = await restrictedNamespace(admin, "creation");
  const { metadata } = await create(namespace);
  for (const [kind, suffixes] of CHILDREN) {
    for (const suffix of suffixes) {
      const object = await child(namespace, kind, suffix);
      const [owner] = object.metadata.ownerReferences ?? [];
      const isKept = kind === Secret && ["cassandra", "cassandra-admin"].includes(suffix);
      assert.equal(owner?.uid, isKept ? undefined : metadata.uid, `${kind.kind} ${suffix}`);
      assert.equal(owner?.controller, isKept ? undefined : true);
      assert.equal(object.metadata.labels?.["app.kubernetes.io/managed-by"], "chatcluster-operator");
    }
  }
  const status = await statusOf(namespace);
  assert.equal(condition(status, "Ready")?.status, "False");
  assert.equal(condition(status, "Progressing")?.status, "True");
  assert.equal(condition(status, "Degraded")?.status, "False", condition(status, "Degraded")?.message);
  assert.deepEqual(await operator.forbidden(), []);
});

test("every pod template passes the restricted Pod Security level, as the API server judges it", async () => {
  const namespace = await restrictedNamespace(admin, "restricted");
  await create(namespace);
  for (const [kind, suffix] of [
    [Deployment, "chat"],
    [Deployment, "ingress"],
    [StatefulSet, "redis"],
    [StatefulSet, "cassandra"],
  ] as const) {
    const { spec } = await child(namespace, kind, suffix);
    const { template } = spec as { template: { metadata: object; spec: object } };
    // The claim's volume is what the StatefulSet controller adds.
    const volumes = (template.spec as { volumes?: object[] }).volumes ?? [];
    const pod = { ...template.spec, volumes: [...volumes, { name: "data", emptyDir: {} }] };
    await admin.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...template.metadata, name: `try-${suffix}`, namespace, labels: {} },
      spec: pod,
    });
  }
});

test("in steady state nothing is written, also by the next operator", async () => {
  const namespace = await restrictedNamespace(admin, "steady");
  await create(namespace);
  await settle();
  const before = await operator.writes();
  const seen = await operator.reconciles();
  // A change that concerns nobody makes it look again.
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { metadata: { labels: { team: "chat" } } });
  await until(async () => (await operator.reconciles()) > seen, "a look");
  await settle();
  assert.equal(await operator.writes(), before);

  await operator[Symbol.asyncDispose]();
  operator = await startOperator(account);
  await until(async () => (await operator.reconciles()) > 0, "the new operator's look");
  await settle();
  assert.equal(await operator.writes(), 0);
});

test("drift is put right and others' fields live on", async () => {
  const namespace = await restrictedNamespace(admin, "drift");
  await create(namespace);
  const name = { namespace, name: "sample-chat" };
  await admin.mergePatch(Service, name, {
    metadata: { annotations: { "example.com/theirs": "kept" } },
    spec: { ports: [{ name: "chat", port: 8080, targetPort: "admin" }] },
  });
  await until(async () => {
    const { spec } = await admin.get(Service, name);
    const { ports } = spec as { ports: { targetPort: unknown }[] };
    return ports.length === 1 && ports[0]?.targetPort === "chat";
  }, "the port to be ours again");
  const { metadata } = await admin.get(Service, name);
  assert.equal(metadata.annotations?.["example.com/theirs"], "kept");
  await admin.delete(ConfigMap, { namespace, name: "sample-redis" });
  await configMapIsBack(namespace);
});

test("a Secret is made once: a label taken off, or a new operator, changes no password", async () => {
  const namespace = await restrictedNamespace(admin, "secrets");
  await create(namespace);
  const read = async () => {
    const secrets = await Promise.all(
      ["auth", "redis", "cassandra", "admin"].map((each) => child(namespace, Secret, each)),
    );
    return secrets.map(({ data }) => data);
  };
  const before = await read();
  const redis = before[1] as Record<string, string>;
  const password = Buffer.from(redis.password ?? "", "base64").toString();
  assert.ok(password.length >= 43);
  const digest = createHash("sha256").update(password).digest("hex");
  const users = Buffer.from(redis["auth.conf"] ?? "", "base64").toString();
  assert.ok(users.includes(`user default on #${digest} ~* &* +@all\n`));
  await admin.mergePatch(
    Secret,
    { namespace, name: "sample-redis" },
    { metadata: { labels: { "app.kubernetes.io/managed-by": null } } },
  );
  await until(async () => {
    const { metadata } = await child(namespace, Secret, "redis");
    return metadata.labels?.["app.kubernetes.io/managed-by"] !== undefined;
  }, "the label to be back");
  assert.deepEqual(await read(), before);
});

test("a changed spec changes the children that it concerns and no other", async () => {
  const namespace = await restrictedNamespace(admin, "change");
  await create(namespace);
  const redis = await child(namespace, StatefulSet, "redis");
  await patchSpec(namespace, {
    images: { chatServer: "chatcluster/chat-server:next" },
    ingress: { hashOn: "conversation", replicas: 3 },
    servers: { podTemplate: { spec: { nodeSelector: { pool: "chat" } } } },
  });
  await until(async () => (await statusOf(namespace)).observedGeneration === 2, "the new generation");
  const chat = await child(namespace, Deployment, "chat");
  const { template } = chat.spec as { template: { spec: { containers: { image: string }[]; nodeSelector: object } } };
  assert.equal(template.spec.containers[0]?.image, "chatcluster/chat-server:next");
  assert.deepEqual(template.spec.nodeSelector, { pool: "chat" });
  const ingress = await child(namespace, Deployment, "ingress");
  assert.equal((ingress.spec as { replicas: number }).replicas, 3);
  const { data } = await child(namespace, ConfigMap, "ingress");
  assert.match((data as Record<string, string>)["haproxy.cfg"] ?? "", /conversation/);
  assert.equal((await child(namespace, StatefulSet, "redis")).metadata.resourceVersion, redis.metadata.resourceVersion);
});

test("without an ingress of its own nothing of HAProxy is left, and it comes back when the spec wants it", async () => {
  const namespace = await restrictedNamespace(admin, "no-ingress");
  await create(namespace);
  await child(namespace, Deployment, "ingress");
  const isThere = () =>
    child(namespace, Deployment, "ingress").then(
      () => true,
      (error: unknown) => {
        if (!isNotFound(error)) throw error;
        return false;
      },
    );
  await patchSpec(namespace, { ingress: { mode: "None" } });
  await until(async () => !(await isThere()), "the end of HAProxy");
  await assert.rejects(child(namespace, ConfigMap, "ingress"), isNotFound);
  await until(async () => {
    const { conditions } = await statusOf(namespace);
    return conditions?.some(({ type, reason }) => type === "IngressReady" && reason === "NotManaged");
  }, "the condition");
  await patchSpec(namespace, { ingress: { mode: "Managed" } });
  await until(isThere, "HAProxy");
});

test("what the API server refuses is named by a condition with the field, and the rest goes on", async () => {
  const namespace = await restrictedNamespace(admin, "refused");
  await create(namespace, { servers: { podTemplate: { spec: { tolerationz: [] } } } });
  const degraded = condition(await statusOf(namespace), "Degraded");
  assert.equal(degraded?.reason, "ChildRefused", degraded?.message);
  assert.match(degraded?.message ?? "", /Deployment refused\/sample-chat.*tolerationz/);
  await child(namespace, Deployment, "ingress");
  await patchSpec(namespace, { servers: { podTemplate: null } });
  await until(
    async () => condition(await statusOf(namespace), "Degraded")?.status === "False",
    "the refusal to be over",
  );
  await child(namespace, Deployment, "chat");
});

test("an object of the same name that is somebody else's is left alone and named", async () => {
  const namespace = await restrictedNamespace(admin, "foreign");
  const theirs = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "theirs", uid: "theirs", controller: true };
  const labels = { "app.kubernetes.io/managed-by": "chatcluster-operator" };
  const metadata = { name: "sample-redis", namespace, labels, ownerReferences: [theirs] };
  await admin.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { theirs: "yes" } });
  await create(namespace);
  assert.equal(condition(await statusOf(namespace), "Degraded")?.reason, "NotControlled");
  assert.deepEqual((await child(namespace, ConfigMap, "redis")).data, { theirs: "yes" });
});

test("paused, it is left alone; resumed, it is put right", async () => {
  const namespace = await restrictedNamespace(admin, "paused");
  await create(namespace);
  const name = { namespace, name: "sample" };
  const pause = (value: string | null) =>
    admin.mergePatch(CHAT_CLUSTER, name, { metadata: { annotations: { "chatcluster.dev/paused": value } } });
  await pause("true");
  await until(async () => condition(await statusOf(namespace), "Paused")?.status === "True", "Paused");
  await admin.delete(ConfigMap, { namespace, name: "sample-redis" });
  await settle();
  await assert.rejects(child(namespace, ConfigMap, "redis"), { code: "kubernetes_not_found" });
  await pause(null);
  await configMapIsBack(namespace);
  await until(async () => condition(await statusOf(namespace), "Paused")?.status === "False", "not Paused");
});

test("a volume grows by its claim, for the StatefulSet's template cannot change", async () => {
  const namespace = await restrictedNamespace(admin, "volumes");
  await create(namespace, { redis: { storage: { size: "1Gi" } } });
  const labels = {
    "app.kubernetes.io/name": "chatcluster",
    "app.kubernetes.io/instance": "sample",
    "app.kubernetes.io/component": "redis",
  };
  await admin.create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data-sample-redis-0", namespace, labels },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
  await patchSpec(namespace, { redis: { storage: { size: "2Gi" } } });
  // Without a StorageClass that can, the API server refuses: that must be said, and nothing else stop.
  await until(
    async () => condition(await statusOf(namespace), "Degraded")?.reason === "VolumeGrowthRefused",
    "the refusal",
  );
  assert.match(condition(await statusOf(namespace), "Degraded")?.message ?? "", /data-sample-redis-0/);
});

/** Plays the Deployment controller and the kubelet: makes a pod of the chat Deployment, running and ready. */
async function runPod(namespace: string, name: string): Promise<void> {
  const { spec } = await child(namespace, Deployment, "chat");
  const { template } = spec as { template: { metadata: object; spec: object } };
  await admin.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, name, namespace },
    spec: template.spec,
  });
  await admin.mergePatch(
    Pod,
    { namespace, name },
    {
      status: {
        phase: "Running",
        podIP: "192.0.2.1",
        podIPs: [{ ip: "192.0.2.1" }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    },
    "status",
  );
}

async function replicas(namespace: string): Promise<number> {
  const { spec } = await child(namespace, Deployment, "chat");
  return (spec as { replicas: number }).replicas;
}

test("connections past the target add a server; when they fall, the emptiest is drained, then the number lowered", async () => {
  const namespace = await restrictedNamespace(admin, "scaling");
  await create(namespace, {
    servers: { min: 1, max: 3, connectionsPerServer: 100, stabilizationSeconds: 1, drainSeconds: 60 },
  });
  assert.equal(await replicas(namespace), 1);
  operator.servers.set("one", 190);
  await runPod(namespace, "one");
  await until(async () => (await replicas(namespace)) === 2, "a second server");
  await until(async () => (await statusOf(namespace)).connections === 190, "the connections in the status");

  operator.servers.set("one", 40);
  operator.servers.set("two", 3);
  await runPod(namespace, "two");
  await until(() => operator.servers.drains.includes("two"), "a drain", 30_000);
  const draining = await admin.get(Pod, { namespace, name: "two" });
  assert.equal(draining.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"], "-1000000");
  assert.ok(draining.metadata.annotations?.["chatcluster.dev/drain-started-at"]);
  assert.equal(await replicas(namespace), 2, "the number must not fall while clients are moving");

  // The operator dies in the middle; the next one takes the drain up again.
  await operator[Symbol.asyncDispose]();
  operator = await startOperator(account, operator.servers);
  operator.servers.finishDrain("two");
  await until(async () => (await replicas(namespace)) === 1, "the number to fall");
  // The pod is still there, as the ReplicaSet has not come to it: that must not bring the number back up.
  await settle();
  assert.equal(await replicas(namespace), 1);
  assert.deepEqual(operator.servers.drains, ["two"], "one drain must not be asked for twice");
  await admin.delete(Pod, { namespace, name: "two" }, { gracePeriodSeconds: 0 });
  await settle();
  assert.equal(await replicas(namespace), 1);
});

test("a server that cannot be asked keeps the number from falling, and says so", async () => {
  const namespace = await restrictedNamespace(admin, "unreadable");
  await create(namespace, { servers: { min: 1, max: 3, connectionsPerServer: 100, stabilizationSeconds: 1 } });
  operator.servers.set("talks", 150);
  await runPod(namespace, "talks");
  await until(async () => (await replicas(namespace)) === 2, "a second server");
  operator.servers.set("talks", 1);
  await runPod(namespace, "mute");
  await until(
    async () => condition(await statusOf(namespace), "ScalingActive")?.reason === "CountsMissing",
    "CountsMissing",
  );
  assert.match(condition(await statusOf(namespace), "ScalingActive")?.message ?? "", /mute/);
  await settleOnPolls();
  assert.equal(await replicas(namespace), 2);
});

/** Waits for two more looks at servers that are polled. */
async function settleOnPolls(): Promise<void> {
  const seen = await operator.reconciles();
  await until(async () => (await operator.reconciles()) >= seen + 2, "two more looks", 15_000);
}

test("Cassandra's roles are made when its node is ready, and a failure is told", async () => {
  const namespace = await restrictedNamespace(admin, "credentials");
  await create(namespace);
  operator.credentials.failure = new CodedError("cassandra_unreachable", "Cassandra at nowhere does not answer");
  await ready(namespace, StatefulSet, "cassandra", 1);
  const { spec } = await child(namespace, StatefulSet, "cassandra");
  const { template } = spec as { template: { metadata: object; spec: { volumes: object[] } } };
  const name = "sample-cassandra-0";
  await admin.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, name, namespace },
    spec: { ...template.spec, volumes: [...template.spec.volumes, { name: "data", emptyDir: {} }] },
  });
  const podStatus = {
    podIP: "192.0.2.9",
    podIPs: [{ ip: "192.0.2.9" }],
    conditions: [{ type: "Ready", status: "True" }],
  };
  await admin.mergePatch(Pod, { namespace, name }, { status: { phase: "Running", ...podStatus } }, "status");
  await until(
    async () => condition(await statusOf(namespace), "CassandraReady")?.reason === "CredentialsNotApplied",
    "the failure",
  );
  operator.credentials.failure = undefined;
  await until(async () => condition(await statusOf(namespace), "CassandraReady")?.status === "True", "CassandraReady");
  const { cassandra } = { cassandra: await child(namespace, Secret, "cassandra") };
  const { password = "" } = cassandra.data as Record<string, string>;
  const request = operator.credentials.requests.at(-1);
  assert.deepEqual(request?.contactPoints, ["192.0.2.9:9042"]);
  assert.equal(request?.chat.password, Buffer.from(password, "base64").toString());
});

async function ready(namespace: string, kind: ResourceKind, suffix: string, count: number): Promise<void> {
  const { metadata } = await child(namespace, kind, suffix);
  await admin.mergePatch(
    kind,
    { namespace, name: `sample-${suffix}` },
    {
      status: {
        observedGeneration: metadata.generation,
        replicas: count,
        readyReplicas: count,
        availableReplicas: count,
        updatedReplicas: count,
      },
    },
    "status",
  );
}

test("a ChatCluster has no finalizer: deleting it never waits for the operator", async () => {
  const namespace = await restrictedNamespace(admin, "deletion");
  await create(namespace);
  await admin.delete(CHAT_CLUSTER, { namespace, name: "sample" });
  await assert.rejects(admin.get(CHAT_CLUSTER, { namespace, name: "sample" }), { code: "kubernetes_not_found" });
});
