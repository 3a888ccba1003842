import assert from "node:assert/strict";
import { test } from "node:test";
import { variableName } from "@chatcluster/foundation/config";
import { operatorConfigSchema } from "../../operator/src/controller/config.ts";
import { lint, template, type Values } from "./helm.ts";
import { type Manifest, only, type Role } from "./manifest.ts";

const NAME = "chat-chatcluster-operator";

function kinds(manifests: readonly Manifest[]): string[] {
  return manifests.map((each) => each.kind).sort();
}

async function refuses(values: Values, message: RegExp): Promise<void> {
  await assert.rejects(template("chatcluster-operator", values), message);
}

test("the chart is without fault in Helm's eyes", async () => {
  await lint("chatcluster-operator");
});

test("the defaults render everything that the operator needs, and no ServiceMonitor", async () => {
  assert.deepEqual(kinds(await template("chatcluster-operator")), [
    "ClusterRole",
    "ClusterRole",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Deployment",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
  ]);
});

test("two replicas run the operator's image, spread, with probes and room to leave", async () => {
  const { spec } = only(await template("chatcluster-operator"), "Deployment");
  assert.equal(spec.replicas, 2);
  const pod = spec.template.spec;
  const [container] = pod.containers;
  assert.deepEqual(container.command, [
    "node",
    "--max-semi-space-size=2",
    "--max-old-space-size-percentage=50",
    "/app/operator.mjs",
  ]);
  assert.equal(container.image, "localhost/chatcluster/operator:0.1.0");
  assert.deepEqual(container.ports, [{ name: "health", containerPort: 8081 }]);
  assert.deepEqual(container.livenessProbe.httpGet, { path: "/healthz", port: "health" });
  assert.deepEqual(container.readinessProbe.httpGet, { path: "/readyz", port: "health" });
  assert.deepEqual(
    pod.topologySpreadConstraints.map((each) => each.topologyKey),
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
  );
  for (const constraint of pod.topologySpreadConstraints)
    assert.deepEqual(constraint.labelSelector.matchLabels, spec.selector.matchLabels);
});

test("what selects pods does so by labels that they have", async () => {
  const manifests = await template("chatcluster-operator", { podLabels: { team: "chat" } });
  const { labels } = only(manifests, "Deployment").spec.template.metadata;
  assert.equal(labels.team, "chat");
  const selectors = [
    only(manifests, "Deployment").spec.selector.matchLabels,
    only(manifests, "PodDisruptionBudget").spec.selector.matchLabels,
    only(manifests, "Service").spec.selector,
  ];
  for (const selector of selectors) assert.deepEqual({ ...labels, ...selector }, labels);
});

test("a digest pins the image and wins over the tag", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const image = { repository: "registry.example.org/operator", tag: "1.2.3" };
  const imageOf = async (values: Values) =>
    only(await template("chatcluster-operator", { image: values }), "Deployment").spec.template.spec.containers[0]
      .image;
  assert.equal(await imageOf(image), "registry.example.org/operator:1.2.3");
  assert.equal(await imageOf({ ...image, digest }), `registry.example.org/operator@${digest}`);
});

test("the operator is told which images a spec without any gets, in the names that its configuration has", async () => {
  const defaultImages = {
    chatServer: "r/chat:1",
    redis: "r/redis:1",
    cassandra: "r/cassandra:1",
    haproxy: "r/haproxy:1",
  };
  const values = {
    image: { repository: "r/operator", tag: "1" },
    defaultImages,
    watchNamespace: "chat",
    maxConcurrent: 3,
  };
  const manifests = await template("chatcluster-operator", values);
  const env = only(manifests, "Deployment").spec.template.spec.containers[0].env;
  const known = Object.keys(operatorConfigSchema.properties).map((property) => variableName("OPERATOR_", property));
  assert.deepEqual(
    env.map((each) => each.name).filter((name) => !known.includes(name)),
    [],
  );
  const told = Object.fromEntries(env.filter((each) => "value" in each).map(({ name, value }) => [name, value]));
  assert.deepEqual(told, {
    OPERATOR_WATCH_NAMESPACE: "chat",
    OPERATOR_LOG_LEVEL: "info",
    OPERATOR_MAX_CONCURRENT: "3",
    OPERATOR_IMAGE_INGRESS_AGENT: "r/operator:1",
    OPERATOR_IMAGE_CHAT_SERVER: "r/chat:1",
    OPERATOR_IMAGE_REDIS: "r/redis:1",
    OPERATOR_IMAGE_CASSANDRA: "r/cassandra:1",
    OPERATOR_IMAGE_HAPROXY: "r/haproxy:1",
  });
});

test("no role has a wildcard, or a right that leads to more rights", async () => {
  for (const values of [{}, { watchNamespace: "chat", crds: { install: false } }]) {
    const manifests = await template("chatcluster-operator", values);
    for (const role of manifests.filter((each) => each.kind.endsWith("Role"))) {
      for (const { apiGroups, resources, verbs } of (role as Role).rules) {
        const words = [...apiGroups, ...resources, ...verbs];
        assert.ok(!words.some((word) => word.includes("*")), `${role.metadata.name}: ${words.join(" ")}`);
        for (const verb of ["escalate", "bind", "impersonate", "deletecollection"])
          assert.ok(!verbs.includes(verb), verb);
        assert.ok(
          !resources.some((each) => ["nodes", "pods/exec", "pods/attach", "namespaces"].includes(each)),
          resources.join(),
        );
      }
    }
  }
});

test("with watchNamespace nothing but the CustomResourceDefinition is cluster-wide", async () => {
  const manifests = await template("chatcluster-operator", { watchNamespace: "chat" });
  assert.deepEqual(
    manifests.filter((each) => each.metadata.namespace === undefined).map((each) => each.kind),
    ["CustomResourceDefinition"],
  );
  const role = only(manifests, "Role", NAME);
  assert.equal(role.metadata.namespace, "chat");
  const binding = only(manifests, "RoleBinding", NAME);
  assert.equal(binding.metadata.namespace, "chat");
  assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", name: NAME, namespace: "chat-system" }]);
  const wide = only(await template("chatcluster-operator"), "ClusterRole", `chat-system-${NAME}`);
  assert.deepEqual(role.rules, wide.rules);
  const env = only(manifests, "Deployment").spec.template.spec.containers[0].env as { name: string; value?: string }[];
  assert.equal(env.find((each) => each.name === "OPERATOR_WATCH_NAMESPACE")?.value, "chat");
});

test("the CustomResourceDefinition is kept or not, installed or not, as asked", async () => {
  const policy = async (crds: Values) =>
    only(await template("chatcluster-operator", { crds }), "CustomResourceDefinition").metadata.annotations?.[
      "helm.sh/resource-policy"
    ];
  assert.equal(await policy({}), "keep");
  assert.equal(await policy({ keep: false }), undefined);
  const without = await template("chatcluster-operator", { crds: { install: false } });
  assert.ok(!kinds(without).includes("CustomResourceDefinition"));
});

test("what is switched off is not rendered", async () => {
  const values = {
    rbac: { create: false },
    serviceAccount: { create: false, name: "mine" },
    podDisruptionBudget: { enabled: false },
    metrics: { service: { enabled: false } },
    crds: { install: false },
  };
  const manifests = await template("chatcluster-operator", values);
  assert.deepEqual(kinds(manifests), ["Deployment"]);
  assert.equal(only(manifests, "Deployment").spec.template.spec.serviceAccountName, "mine");
});

test("a ServiceMonitor scrapes the metrics Service", async () => {
  const manifests = await template("chatcluster-operator", {
    metrics: { serviceMonitor: { enabled: true, labels: { release: "p" } } },
  });
  const monitor = only(manifests, "ServiceMonitor");
  const service = only(manifests, "Service");
  assert.equal(monitor.metadata.labels?.release, "p");
  assert.deepEqual({ ...service.metadata.labels, ...monitor.spec.selector.matchLabels }, service.metadata.labels);
  assert.equal(monitor.spec.endpoints[0]?.port, service.spec.ports[0]?.name);
  await refuses(
    { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
    /needs metrics\.service\.enabled/,
  );
});

test("scheduling options reach the pods", async () => {
  const values = {
    priorityClassName: "system-cluster-critical",
    nodeSelector: { disk: "fast" },
    tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }],
    affinity: { nodeAffinity: {} },
    imagePullSecrets: [{ name: "registry" }],
  };
  const pod = only(await template("chatcluster-operator", values), "Deployment").spec.template.spec;
  const { priorityClassName, nodeSelector, tolerations, affinity, imagePullSecrets } = pod;
  assert.deepEqual({ priorityClassName, nodeSelector, tolerations, affinity, imagePullSecrets }, values);
});

test("unknown and ill-typed values are refused by their place", async () => {
  await refuses({ replica: 1 }, /additional properties 'replica' not allowed/);
  await refuses({ image: { tags: "1" } }, /at '\/image': additional properties 'tags' not allowed/);
  await refuses({ replicas: "two" }, /at '\/replicas': got string, want integer/);
  await refuses({ replicas: 0 }, /at '\/replicas'/);
  await refuses({ logLevel: "loud" }, /at '\/logLevel'/);
  await refuses({ watchNamespace: "a,b" }, /at '\/watchNamespace'/);
  await refuses({ image: { digest: "sha256:abc" } }, /at '\/image\/digest'/);
  await refuses({ resources: { limits: { memory: "much" } } }, /at '\/resources\/limits\/memory'/);
  await refuses({ metrics: { serviceMonitor: { interval: "often" } } }, /at '\/metrics\/serviceMonitor\/interval'/);
});
