import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Deployment, type ResourceKind, StatefulSet } from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem, writesNothing } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let system: OperatorSystem;

before(async () => {
  system = await startOperatorSystem();
});
after(() => system[Symbol.asyncDispose]());

const WORKLOADS: readonly [kind: ResourceKind, component: string][] = [
  [Deployment, "chat"],
  [StatefulSet, "redis"],
  [StatefulSet, "sentinel"],
  [StatefulSet, "cassandra"],
  [Deployment, "ingress"],
];

const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** A template by which one can tell whose pod it is. */
function podTemplate(component: string) {
  const sidecar = { name: "sidecar", image: "sidecar:1", securityContext: restricted };
  return {
    metadata: { annotations: { "example.com/of": component } },
    spec: { nodeSelector: { pool: component }, containers: [sidecar] },
  };
}

test("each component's template lands in its pods, which still pass the restricted level; taken out it is gone", async () => {
  const { admin } = system;
  const namespace = await restrictedNamespace(admin, "templates");
  await createSample(admin, namespace, {
    servers: { podTemplate: podTemplate("chat") },
    redis: { mode: "sentinel", podTemplate: podTemplate("redis"), sentinelPodTemplate: podTemplate("sentinel") },
    cassandra: { podTemplate: podTemplate("cassandra") },
    ingress: { podTemplate: podTemplate("ingress") },
  });
  const workload = (kind: ResourceKind, component: string) => sampleChild(admin, namespace, kind, component);
  await until(
    () =>
      workload(StatefulSet, "redis").then(
        () => true,
        () => false,
      ),
    "Redis, which waits for its Services",
  );
  const generations = new Map<string, number | undefined>();
  for (const [kind, component] of WORKLOADS) {
    const { spec, metadata } = await workload(kind, component);
    generations.set(component, metadata.generation);
    const { template } = spec as { template: { metadata: Record<string, object>; spec: Record<string, object[]> } };
    assert.deepEqual(template.spec.nodeSelector, { pool: component });
    assert.equal((template.metadata.annotations as Record<string, string>)["example.com/of"], component);
    assert.ok(template.spec.containers?.some((container) => (container as { name: string }).name === "sidecar"));
    await admin.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...template.metadata, name: `try-${component}`, namespace, labels: {} },
      spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), { name: "data", emptyDir: {} }] },
    });
  }
  assert.equal(condition(await sampleStatus(admin, namespace), "Degraded")?.status, "False");
  await writesNothing(system, namespace);

  const nothing = { podTemplate: null };
  const spec = {
    servers: nothing,
    redis: { ...nothing, sentinelPodTemplate: null },
    cassandra: nothing,
    ingress: nothing,
  };
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec });
  for (const [kind, component] of WORKLOADS) {
    // A new generation of the template is what their controllers roll by.
    await until(async () => {
      const { metadata } = await workload(kind, component);
      return (metadata.generation ?? 0) > (generations.get(component) ?? 0);
    }, `a change of ${component}`);
    const { spec } = await workload(kind, component);
    assert.doesNotMatch(JSON.stringify(spec), /sidecar|nodeSelector|example\.com/);
  }
});
