import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesObject } from "../runtime/index.ts";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { cassandraObjects } from "./cassandra.ts";
import { chatObjects } from "./chat.ts";
import { CONFIG_HASH_ANNOTATION } from "./config-hash.ts";
import { ingressObjects } from "./ingress.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { redisObjects, sentinelObjects } from "./redis.ts";

const workload = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "sample-chat" },
  spec: {
    replicas: 2,
    template: {
      metadata: { labels: { app: "chat" } },
      spec: {
        containers: [{ name: "chat", image: "chat:1", env: [{ name: "CHAT_PORT", value: "8080" }], args: ["a"] }],
        terminationGracePeriodSeconds: 45,
      },
    },
  },
};

function overlaid(overlay: Parameters<typeof overlayPodTemplate>[1]) {
  const [object] = overlayPodTemplate([workload], overlay);
  assert.ok(object);
  return (object.spec as typeof workload.spec).template;
}

test("containers and variables are merged by name, other lists replaced, others' containers added", () => {
  const { spec } = overlaid({
    spec: {
      tolerations: [{ key: "chat" }],
      containers: [
        { name: "chat", env: [{ name: "EXTRA", value: "1" }], args: ["b"] },
        { name: "sidecar", image: "proxy:1" },
      ],
    },
  });
  assert.deepEqual(spec, {
    containers: [
      {
        name: "chat",
        image: "chat:1",
        env: [
          { name: "CHAT_PORT", value: "8080" },
          { name: "EXTRA", value: "1" },
        ],
        args: ["b"],
      },
      { name: "sidecar", image: "proxy:1" },
    ],
    terminationGracePeriodSeconds: 45,
    tolerations: [{ key: "chat" }],
  });
});

test("the selector's labels stay ours", () => {
  assert.deepEqual(overlaid({ metadata: { labels: { app: "stolen", team: "x" } } }).metadata.labels, {
    app: "chat",
    team: "x",
  });
});

test("the rendered object is not changed", () => {
  const before = structuredClone(workload);
  overlaid({ spec: { containers: [{ name: "chat", args: ["b"] }] } });
  assert.deepEqual(workload, before);
});

const around = {
  images: sampleImages,
  volumeSize: "1Gi",
  operatorNamespace: "system",
  addresses: { "sample-redis-0": "192.0.2.1" },
};

/** The objects of each component whose pods take a template, for a template in the spec. */
const COMPONENTS: Record<string, (podTemplate: object | undefined) => KubernetesObject[]> = {
  chat: (podTemplate) => chatObjects(sampleCluster({ servers: given("podTemplate", podTemplate) }), sampleImages, 2),
  redis: (podTemplate) => redisObjects(sampleCluster({ redis: given("podTemplate", podTemplate) }), around),
  "redis of sentinels": (podTemplate) =>
    redisObjects(sampleCluster({ redis: { mode: "sentinel", ...given("podTemplate", podTemplate) } }), around),
  sentinel: (podTemplate) =>
    sentinelObjects(
      sampleCluster({ redis: { mode: "sentinel", ...given("sentinelPodTemplate", podTemplate) } }),
      around,
    ),
  cassandra: (podTemplate) =>
    cassandraObjects(
      sampleCluster({ cassandra: given("podTemplate", podTemplate) }),
      sampleImages,
      { replicas: 3, volumeSize: "1Gi", hostIds: [] },
      "system",
    ),
  ingress: (podTemplate) => ingressObjects(sampleCluster({ ingress: given("podTemplate", podTemplate) }), sampleImages),
};

function given(field: string, podTemplate: object | undefined): Record<string, unknown> {
  return podTemplate === undefined ? {} : { [field]: podTemplate };
}

interface Template {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    containers: (Record<string, unknown> & { name: string; volumeMounts?: { mountPath: string }[] })[];
    volumes?: { name: string }[];
    hostAliases?: object[];
    securityContext: Record<string, unknown>;
    [field: string]: unknown;
  };
}

function workloadOf(objects: readonly KubernetesObject[]): { object: KubernetesObject; template: Template } {
  const object = objects.find(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  assert.ok(object);
  return { object, template: (object.spec as { template: Template }).template };
}

for (const [component, objectsOf] of Object.entries(COMPONENTS)) {
  const own = workloadOf(objectsOf(undefined));
  const [first] = own.template.spec.containers;
  assert.ok(first);

  test(`${component}: what the spec has no field for lands in the pods, and in nothing else`, () => {
    const exporter = { name: "exporter", image: "exporter:1", ports: [{ name: "metrics", containerPort: 9121 }] };
    const objects = objectsOf({
      metadata: { labels: { team: "chat" }, annotations: { "example.com/why": "because" } },
      spec: {
        tolerations: [{ key: "chat", operator: "Exists" }],
        nodeSelector: { pool: "chat" },
        priorityClassName: "high",
        volumes: [{ name: "extra", emptyDir: {} }],
        containers: [
          {
            name: first.name,
            env: [{ name: "EXTRA", value: "1" }],
            volumeMounts: [{ name: "extra", mountPath: "/x" }],
          },
          exporter,
        ],
      },
    });
    const { object, template } = workloadOf(objects);
    const { spec, metadata } = template;
    assert.deepEqual([spec.nodeSelector, spec.priorityClassName], [{ pool: "chat" }, "high"]);
    assert.deepEqual(spec.tolerations, [{ key: "chat", operator: "Exists" }]);
    assert.equal(metadata.labels.team, "chat");
    assert.deepEqual(metadata.annotations, { ...own.template.metadata.annotations, "example.com/why": "because" });
    assert.deepEqual(spec.containers.at(-1), exporter);
    assert.ok(spec.volumes?.some(({ name }) => name === "extra"));
    const [container] = spec.containers;
    assert.ok(container);
    assert.ok((container.env as { name: string }[]).some(({ name }) => name === "EXTRA"));
    const mounts = first.volumeMounts ?? [];
    assert.deepEqual(container.volumeMounts, [...mounts, { name: "extra", mountPath: "/x" }]);
    const without = (objects: readonly KubernetesObject[]) =>
      objects.filter((each) => each !== workloadOf(objects).object);
    assert.deepEqual(without(objects), without(objectsOf(undefined)));
    const { template: _, ...rest } = object.spec as { template: Template };
    const { template: __, ...ownRest } = own.object.spec as { template: Template };
    assert.deepEqual(rest, ownRest);
  });

  test(`${component}: what selects, secures and runs the operator's own containers stays`, () => {
    const loose = {
      privileged: true,
      runAsNonRoot: false,
      allowPrivilegeEscalation: true,
      capabilities: { add: ["NET_ADMIN"] },
      seccompProfile: { type: "Unconfined" },
      runAsUser: 1234,
    };
    const [port] = (first.ports as { name: string }[]) ?? [];
    const volumes = own.template.spec.volumes ?? [];
    const { template } = workloadOf(
      objectsOf({
        metadata: {
          labels: Object.fromEntries(Object.keys(own.template.metadata.labels).map((label) => [label, "stolen"])),
          annotations: { [CONFIG_HASH_ANNOTATION]: "stolen" },
        },
        spec: {
          securityContext: { runAsNonRoot: false, seccompProfile: { type: "Unconfined" }, supplementalGroups: [7] },
          serviceAccountName: "theirs",
          volumes: volumes.map(({ name }) => ({ name, hostPath: { path: "/" } })),
          hostAliases: [{ ip: "192.0.2.9", hostnames: ["theirs"] }],
          containers: [
            {
              name: first.name,
              image: "theirs",
              command: ["sh"],
              ports: [{ name: port?.name, containerPort: 1 }],
              ...(first.volumeMounts && {
                volumeMounts: first.volumeMounts.map(({ mountPath }) => ({ name: "theirs", mountPath })),
              }),
              securityContext: loose,
            },
          ],
        },
      }),
    );
    const { spec, metadata } = template;
    assert.deepEqual(metadata.labels, own.template.metadata.labels);
    if (own.template.metadata.annotations) assert.deepEqual(metadata.annotations, own.template.metadata.annotations);
    assert.deepEqual(spec.securityContext, { ...own.template.spec.securityContext, supplementalGroups: [7] });
    assert.equal(spec.serviceAccountName, own.template.spec.serviceAccountName ?? "theirs");
    assert.deepEqual(spec.volumes ?? [], volumes);
    const [container] = spec.containers;
    for (const field of ["name", "image", "command", "ports", "volumeMounts"])
      assert.deepEqual(container?.[field], first[field], field);
    assert.deepEqual(container?.securityContext, { ...(first.securityContext as object), runAsUser: 1234 });
    const aliases = own.template.spec.hostAliases ?? [];
    assert.deepEqual(spec.hostAliases, [...aliases, { ip: "192.0.2.9", hostnames: ["theirs"] }]);
  });
}

test("Cassandra and Redis roll as they do after any other change", () => {
  for (const component of ["redis", "redis of sentinels", "cassandra"]) {
    const strategyOf = (podTemplate: object | undefined) =>
      (workloadOf(COMPONENTS[component]?.(podTemplate) ?? []).object.spec as { updateStrategy: object }).updateStrategy;
    assert.deepEqual(strategyOf({ spec: { priorityClassName: "high" } }), strategyOf(undefined), component);
  }
});
