import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { Applier } from "./apply.ts";
import { FIELD_MANAGER } from "./client.ts";
import { Informer, keepAppliedFields } from "./informer.ts";
import { type KubernetesObject, keyOf } from "./object.ts";
import * as kinds from "./scheme.ts";
import { configMap, countingClient, quietLogger } from "./testing/api.ts";
import { startTcpProxy } from "./testing/tcp-proxy.ts";

let server: ApiServer;
/** Somebody else: kubectl, an autoscaler, a service mesh. */
let others: ReturnType<typeof countingClient>["client"];

before(async () => {
  server = await startApiServer();
  others = countingClient(server.kubeconfig, { fieldManager: "somebody-else" }).client;
});
after(() => server.stop());

const CHILD_KINDS = [
  kinds.ConfigMap,
  kinds.Deployment,
  kinds.PodDisruptionBudget,
  kinds.Secret,
  kinds.Service,
  kinds.StatefulSet,
];

/** An operator: informers and an applier; a second one for the same owner is the operator after its restart. */
async function startOperator(instance: string, watchUrl = server.url) {
  const { client, writes } = countingClient(server.kubeconfig);
  const watching = countingClient(server.kubeconfig.replace(server.url, watchUrl)).client;
  const stop = new AbortController();
  const options = {
    client: watching,
    logger: quietLogger,
    labelSelector: `instance=${instance}`,
    transform: keepAppliedFields(FIELD_MANAGER),
  };
  const informers = CHILD_KINDS.map((kind) => new Informer({ ...options, kind }));
  const running = informers.map((informer) => informer.run(stop.signal));
  await Promise.all(informers.map((informer) => informer.waitForSync(stop.signal)));
  const applier = new Applier({ client, logger: quietLogger, informers });
  return {
    client,
    writes,
    apply: (owner: KubernetesObject, desired: readonly KubernetesObject[]) =>
      applier.apply(owner, desired, { instance }),
    cached: (object: KubernetesObject) => informers.find(({ kind }) => kind.kind === object.kind)?.get(keyOf(object)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** Children that hold what is hard to compare: quantities, defaults, lists by key, atomic lists, zero values, empty maps. */
function children(instance: string): KubernetesObject[] {
  const metadata = (name: string) => ({ name: `${instance}-${name}`, namespace: "default", labels: { instance } });
  const podLabels = { app: instance };
  const container = {
    name: "main",
    image: "example/main:1",
    args: ["--one", "--two"],
    env: [{ name: "A", value: "1" }],
    ports: [{ name: "chat", containerPort: 8080 }],
    resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { memory: "1.5Gi" } },
    securityContext: { runAsNonRoot: true, capabilities: { drop: ["ALL"] } },
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  };
  const template = {
    metadata: { labels: podLabels },
    spec: {
      hostNetwork: false,
      containers: [container],
      volumes: [{ name: "tmp", emptyDir: {} }],
      nodeSelector: {},
      initContainers: [],
      tolerations: [],
    },
  };
  const claim = {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } },
  };
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata: metadata("config"), data: { key: "value" } },
    { apiVersion: "v1", kind: "Secret", metadata: metadata("secret"), data: { password: "c2VjcmV0" } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata("service"),
      spec: { selector: podLabels, ports: [{ name: "chat", port: 80, targetPort: "chat" }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: metadata("deployment"),
      spec: { replicas: 2, selector: { matchLabels: podLabels }, template },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: metadata("stateful"),
      spec: { serviceName: "x", selector: { matchLabels: podLabels }, template, volumeClaimTemplates: [claim] },
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: metadata("budget"),
      spec: { maxUnavailable: "25%", selector: { matchLabels: podLabels } },
    },
  ];
}

const ownerOf = (instance: string) => others.create(configMap(`${instance}-owner`));
const named = (list: readonly KubernetesObject[], kind: string) =>
  list.find((object) => object.kind === kind) as KubernetesObject;
const nameOf = ({ metadata }: KubernetesObject) => ({ namespace: "default", name: metadata.name });

test("children are created once; steady state writes nothing, not even after a restart of the operator", async () => {
  const owner = await ownerOf("steady");
  const desired = children("steady");
  {
    await using operator = await startOperator("steady");
    const first = await operator.apply(owner, desired);
    assert.equal(first.created.length, desired.length);
    assert.equal(operator.writes(), desired.length);
    for (let round = 0; round < 3; round += 1) assert.equal((await operator.apply(owner, desired)).written, 0);
    assert.equal(operator.writes(), desired.length);
  }
  await using restarted = await startOperator("steady");
  const outcome = await restarted.apply(owner, desired);
  assert.equal(outcome.written, 0);
  assert.equal(restarted.writes(), 0);
  assert.equal(named(outcome.objects, "Deployment").metadata.ownerReferences?.[0]?.uid, owner.metadata.uid);
});

test("drift in our fields is put right, and others' fields live on without a write", async () => {
  const owner = await ownerOf("drift");
  const desired = children("drift");
  await using operator = await startOperator("drift");
  await operator.apply(owner, desired);
  const deployment = named(desired, "Deployment");
  const before = operator.writes();

  const sidecar = { name: "sidecar", image: "example/sidecar:1" };
  const live = await others.get(kinds.Deployment, nameOf(deployment));
  const theirs = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...nameOf(deployment), annotations: { "example.com/note": "theirs" } },
    spec: { template: { spec: { containers: [sidecar] } } },
  };
  const { resourceVersion } = (await others.apply(theirs)).metadata;
  assert.notEqual(resourceVersion, live.metadata.resourceVersion);
  await until(
    () => operator.cached(deployment)?.metadata.resourceVersion === resourceVersion,
    "the cache has their fields",
  );
  assert.equal((await operator.apply(owner, desired)).written, 0);
  assert.equal(operator.writes(), before);

  const config = named(desired, "ConfigMap");
  const drifted = [
    await others.mergePatch(kinds.Deployment, nameOf(deployment), { spec: { replicas: 7 } }),
    await others.mergePatch(kinds.ConfigMap, nameOf(config), { data: { key: null, other: "kept" } }),
  ];
  const isCached = (object: KubernetesObject) =>
    operator.cached(object)?.metadata.resourceVersion === object.metadata.resourceVersion;
  await until(() => drifted.every(isCached), "the cache has the drift");
  assert.equal((await operator.apply(owner, desired)).updated.length, 2);
  const healed = (await others.get(kinds.Deployment, nameOf(deployment))) as { spec?: unknown } & KubernetesObject;
  const spec = healed.spec as { replicas: number; template: { spec: { containers: { name: string }[] } } };
  assert.equal(spec.replicas, 2);
  assert.deepEqual(spec.template.spec.containers.map(({ name }) => name).sort(), ["main", "sidecar"]);
  assert.equal(healed.metadata.annotations?.["example.com/note"], "theirs");
  assert.deepEqual((await others.get(kinds.ConfigMap, nameOf(config))).data, { key: "value", other: "kept" });
  assert.equal((await operator.apply(owner, desired)).written, 0);
});

test("a field we no longer want is removed, and so is a child, but nothing of anybody else", async () => {
  const owner = await ownerOf("prune");
  const desired = children("prune");
  await using operator = await startOperator("prune");
  await operator.apply(owner, desired);
  const foreign = configMap("prune-foreign", {}, { labels: { instance: "prune" } });
  await others.create(foreign);
  await until(() => operator.cached(foreign), "the cache has the foreign object");

  const fewer = desired
    .filter(({ kind }) => kind !== "Secret")
    .map((child) => (child.kind === "ConfigMap" ? { ...child, data: {} } : child));
  const outcome = await operator.apply(owner, fewer);
  assert.deepEqual(outcome.pruned, ["Secret default/prune-secret"]);
  assert.deepEqual(outcome.updated, ["ConfigMap default/prune-config"]);
  await assert.rejects(others.get(kinds.Secret, nameOf(named(desired, "Secret"))), { code: "kubernetes_not_found" });
  assert.equal((await others.get(kinds.ConfigMap, nameOf(named(desired, "ConfigMap")))).data, undefined);
  await others.get(kinds.ConfigMap, nameOf(foreign));
  await until(() => operator.cached(named(desired, "Secret")) === undefined, "the cache has the deletion");
  assert.equal((await operator.apply(owner, fewer)).written, 0);
});

test("a child that another owner controls is refused by name and stays as it is", async () => {
  const [owner, other] = [await ownerOf("mine"), await ownerOf("theirs")];
  await using operator = await startOperator("mine");
  const [child] = children("mine") as [KubernetesObject];
  await operator.apply(other, [child]);
  await assert.rejects(operator.apply(owner, [child]), {
    code: "not_controlled",
    message: /mine-config is controlled by ConfigMap theirs-owner/,
  });
});

test("its own writes are known before the watch tells of them", async () => {
  await using proxy = await startTcpProxy(Number(new URL(server.url).port));
  const owner = await ownerOf("blind");
  const desired = children("blind");
  await using operator = await startOperator("blind", `https://127.0.0.1:${proxy.port}`);
  proxy.cut();
  await operator.apply(owner, desired);
  const outcome = await operator.apply(owner, desired);
  assert.equal(outcome.written, 0);
  assert.equal(operator.writes(), desired.length);
});

test("an admission policy that overrides a field of ours does not make us write for ever", async () => {
  const { client: admin } = countingClient(server.kubeconfig, { scheme: new kinds.Scheme(...POLICY_KINDS) });
  for (const object of overridingPolicy("overridden")) await admin.create(object);
  const probe = configMap("probe", { key: "ours" }, { labels: { instance: "overridden" } });
  await until(async () => {
    const { data } = await others.apply(probe);
    return (data as { key: string }).key === "theirs";
  }, "the policy is in force");
  const owner = await ownerOf("overridden");
  const [config] = children("overridden") as [KubernetesObject];
  await using operator = await startOperator("overridden");
  await operator.apply(owner, [config]);
  const before = operator.writes();
  for (let round = 0; round < 3; round += 1) await operator.apply(owner, [config]);
  assert.equal(operator.writes(), before);
  const drifted = await others.mergePatch(kinds.ConfigMap, nameOf(config), {
    metadata: { labels: { instance: "overridden", app: "x" } },
  });
  await until(
    () => operator.cached(config)?.metadata.resourceVersion === drifted.metadata.resourceVersion,
    "the cache has the change",
  );
  await operator.apply(owner, [config]);
  assert.equal(operator.writes(), before);
});

const POLICY_KINDS = ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"].map((kind) =>
  kinds.resourceKind(
    "admissionregistration.k8s.io/v1",
    kind,
    kind === "MutatingAdmissionPolicy" ? "mutatingadmissionpolicies" : "mutatingadmissionpolicybindings",
    false,
  ),
);

/** A mutating admission policy that sets `data.key` of the instance's ConfigMaps to "theirs". */
function overridingPolicy(instance: string): KubernetesObject[] {
  const apiVersion = "admissionregistration.k8s.io/v1";
  const resourceRules = [
    { apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE", "UPDATE"] },
  ];
  const mutations = [
    { patchType: "ApplyConfiguration", applyConfiguration: { expression: 'Object{data: {"key": "theirs"}}' } },
  ];
  const spec = {
    failurePolicy: "Fail",
    reinvocationPolicy: "Never",
    matchConstraints: { resourceRules, objectSelector: { matchLabels: { instance } } },
    mutations,
  };
  return [
    { apiVersion, kind: "MutatingAdmissionPolicy", metadata: { name: instance }, spec },
    {
      apiVersion,
      kind: "MutatingAdmissionPolicyBinding",
      metadata: { name: instance },
      spec: { policyName: instance },
    },
  ];
}
