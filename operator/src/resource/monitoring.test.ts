import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesObject } from "../runtime/index.ts";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { chatObjects } from "./chat.ts";
import { ingressObjects } from "./ingress.ts";
import { monitoringObjects } from "./monitoring.ts";
import { redisObjects } from "./redis.ts";

const sidecar = { spec: { containers: [{ name: "exporter", ports: [{ name: "metrics", containerPort: 9121 }] }] } };
const scrapers = [{ namespace: "monitoring", podLabels: { app: "prometheus" } }];

function objects(spec: Record<string, unknown>, withPodMonitors = true): KubernetesObject[] {
  return monitoringObjects(sampleCluster(spec), "system", withPodMonitors);
}

function specOf<Spec>(object: KubernetesObject | undefined): Spec {
  assert.ok(object);
  return object.spec as Spec;
}

const names = (list: readonly KubernetesObject[]) => list.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

test("nothing is made that the spec does not ask for", () => {
  assert.deepEqual(objects({}), []);
  assert.deepEqual(objects({ monitoring: { podMonitor: {} } }, false), []);
});

test("a PodMonitor is made of each component that has metrics, with the labels that the user's Prometheus selects by", () => {
  const monitoring = { podMonitor: { interval: "15s", labels: { release: "prometheus" } } };
  const made = objects({ monitoring });
  assert.deepEqual(names(made), ["PodMonitor sample-chat", "PodMonitor sample-ingress"]);
  assert.equal(made[0]?.metadata.labels?.release, "prometheus");
  assert.deepEqual(made[0]?.spec, {
    selector: {
      matchLabels: {
        "app.kubernetes.io/name": "chatcluster",
        "app.kubernetes.io/instance": "sample",
        "app.kubernetes.io/component": "chat",
      },
    },
    podTargetLabels: ["app.kubernetes.io/instance", "app.kubernetes.io/component"],
    podMetricsEndpoints: [{ port: "admin", path: "/metrics", interval: "15s" }],
  });
  const portsOf = (object: KubernetesObject | undefined) =>
    specOf<{ podMetricsEndpoints: { port: string }[] }>(object).podMetricsEndpoints.map(({ port }) => port);
  assert.deepEqual(portsOf(made[1]), ["metrics", "agent"]);
  const withSidecars = objects({
    monitoring,
    redis: { mode: "sentinel", podTemplate: sidecar },
    cassandra: { podTemplate: sidecar },
    ingress: { mode: "None" },
  });
  assert.deepEqual(names(withSidecars), [
    "PodMonitor sample-chat",
    "PodMonitor sample-redis",
    "PodMonitor sample-cassandra",
  ]);
  assert.deepEqual(portsOf(withSidecars[1]), ["metrics"]);
});

test("a template that is no template has no port, and breaks nothing", () => {
  for (const containers of ["none", [1, null], [{ ports: {} }], [{ ports: [{ name: "metrics", containerPort: "x" }] }]])
    assert.deepEqual(
      names(objects({ monitoring: { podMonitor: {} }, cassandra: { podTemplate: { spec: { containers } } } })),
      ["PodMonitor sample-chat", "PodMonitor sample-ingress"],
    );
});

test("once a reader is named, the metrics' ports are closed to all but the readers, HAProxy and the operator, and no other port is", () => {
  const [chat, ingress, ...others] = objects({ monitoring: { scrapers }, servers: { podTemplate: sidecar } });
  assert.deepEqual(others, []);
  assert.deepEqual(names([chat, ingress].filter((each) => each !== undefined)), [
    "NetworkPolicy sample-chat",
    "NetworkPolicy sample-ingress",
  ]);
  const reader = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } },
    podSelector: { matchLabels: { app: "prometheus" } },
  };
  const { ingress: rules } = specOf<{ ingress: { from?: object[]; ports: object[] }[] }>(chat);
  const tcp = (port: number, endPort?: number) => ({ protocol: "TCP", port, ...(endPort && { endPort }) });
  assert.deepEqual(rules[0], { ports: [tcp(1, 9089), tcp(9091, 9120), tcp(9122, 65535), { protocol: "UDP" }] });
  assert.deepEqual(rules[1]?.ports, [tcp(9090), tcp(9121)]);
  assert.deepEqual(rules[1]?.from?.[0], reader);
  assert.match(JSON.stringify(rules[1]?.from), /"app.kubernetes.io\/component":"ingress".*"operator"/);
  const { ingress: closed } = specOf<{ ingress: { ports: object[] }[] }>(ingress);
  assert.deepEqual(closed[0]?.ports, [tcp(1, 8403), tcp(8406, 65535), { protocol: "UDP" }]);
  // Without HAProxy there are no pods of it.
  assert.deepEqual(names(objects({ monitoring: { scrapers }, ingress: { mode: "None" } })), [
    "NetworkPolicy sample-chat",
  ]);
});

test("the readers are let in to a store's sidecar, and to nothing else of it", () => {
  const rules = (spec: Record<string, unknown>) => {
    const cluster = sampleCluster(spec);
    const around = { images: sampleImages, volumeSize: "1Gi", operatorNamespace: "system", addresses: {} };
    const policy = redisObjects(cluster, around).find(({ kind }) => kind === "NetworkPolicy");
    return specOf<{ ingress: { from: object[]; ports: { port: number }[] }[] }>(policy).ingress;
  };
  const [own, added, ...others] = rules({ monitoring: { scrapers }, redis: { podTemplate: sidecar } });
  assert.deepEqual(others, []);
  assert.deepEqual(own, rules({})[0]);
  assert.deepEqual(added?.ports, [{ port: 9121, protocol: "TCP" }]);
  assert.match(JSON.stringify(added?.from), /"monitoring".*"prometheus"/);
  assert.equal(rules({ redis: { podTemplate: sidecar } }).length, 1);
  assert.equal(rules({ monitoring: { scrapers } }).length, 1);
});

test("annotations for a Prometheus that looks for them name the one port, and are there only when asked for", () => {
  const annotationsOf = (spec: Record<string, unknown>) => {
    const cluster = sampleCluster(spec);
    return [chatObjects(cluster, sampleImages, 2), ingressObjects(cluster, sampleImages)].map((list) => {
      const { template } = specOf<{ template: { metadata: { annotations?: Record<string, string> } } }>(
        list.find(({ kind }) => kind === "Deployment"),
      );
      return template.metadata.annotations;
    });
  };
  const [chat, ingress] = annotationsOf({ monitoring: { scrapeAnnotations: true } });
  assert.deepEqual(chat, {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": "9090",
    "prometheus.io/path": "/metrics",
  });
  assert.equal(ingress?.["prometheus.io/port"], "8404");
  const [without, haproxy] = annotationsOf({});
  assert.equal(without, undefined);
  assert.doesNotMatch(JSON.stringify(haproxy), /prometheus/);
});
