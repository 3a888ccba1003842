import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Deployment, isNotFound, NetworkPolicy, PodMonitor, type ResourceKind } from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { installForeignCrd } from "../testing/foreign-crd.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem, writesNothing } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let system: OperatorSystem;

before(async () => {
  system = await startOperatorSystem();
});
after(() => system[Symbol.asyncDispose]());

async function isThere(namespace: string, kind: ResourceKind, suffix: string): Promise<boolean> {
  return sampleChild(system.admin, namespace, kind, suffix).then(
    () => true,
    (error: unknown) => {
      if (!isNotFound(error)) throw error;
      return false;
    },
  );
}

test("without the Prometheus operator's kinds chat goes on and Degraded says why; installed later they are taken up", async () => {
  const { admin } = system;
  const namespace = await restrictedNamespace(admin, "monitored");
  const podMonitor = { interval: "15s", labels: { release: "prometheus" } };
  const scrapers = [{ namespace: "monitoring" }];
  await createSample(admin, namespace, { monitoring: { podMonitor, scrapers } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  assert.equal((await degraded())?.reason, "PodMonitorMissing");
  assert.match((await degraded())?.message ?? "", /PodMonitor of monitoring\.coreos\.com\/v1.*install/);
  for (const suffix of ["chat", "ingress"]) {
    assert.equal(await isThere(namespace, Deployment, suffix), true);
    assert.equal(await isThere(namespace, NetworkPolicy, suffix), true);
  }
  await writesNothing(system, namespace);

  await installForeignCrd(admin, PodMonitor, "prometheus-operator-crds");
  await until(() => isThere(namespace, PodMonitor, "ingress"), "the PodMonitors", 20_000);
  await until(async () => (await degraded())?.status === "False", "nothing to be missing");
  const { metadata, spec } = await sampleChild(admin, namespace, PodMonitor, "chat");
  assert.equal(metadata.labels?.release, "prometheus");
  const { podMetricsEndpoints } = spec as { podMetricsEndpoints: object[] };
  assert.deepEqual(podMetricsEndpoints, [{ port: "admin", path: "/metrics", interval: "15s" }]);
  await writesNothing(system, namespace);

  const none = { podMonitor: null, scrapers: [] };
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { monitoring: none } });
  for (const kind of [PodMonitor, NetworkPolicy])
    for (const suffix of ["chat", "ingress"])
      await until(async () => !(await isThere(namespace, kind, suffix)), `the end of ${kind.kind} ${suffix}`);
  for (const suffix of ["redis", "cassandra"]) assert.equal(await isThere(namespace, NetworkPolicy, suffix), true);
  assert.deepEqual(await system.operator.forbidden(), []);
});
