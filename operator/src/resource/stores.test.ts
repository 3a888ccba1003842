import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { KubernetesObject } from "../runtime/index.ts";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { cassandraObjects } from "./cassandra.ts";
import { cassandraJvmOptions, cassandraYaml, heapSizes } from "./cassandra-config.ts";
import { snapshotObjects } from "./cassandra-snapshots.ts";
import { redisObjects } from "./redis.ts";
import { redisConfig } from "./redis-config.ts";

const CASSANDRA_SIZE = { replicas: 1, volumeSize: "1Gi", hostIds: [] };
const around = { images: sampleImages, volumeSize: "1Gi", operatorNamespace: "system", addresses: {} };

type StatefulSet = KubernetesObject & {
  spec: {
    persistentVolumeClaimRetentionPolicy: object;
    volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
    template: {
      metadata: { annotations: Record<string, string> };
      spec: {
        initContainers: { image: string }[];
        containers: {
          lifecycle?: { preStop?: { exec?: { command: string[] } } };
          readinessProbe?: { httpGet?: { path: string } };
        }[];
      };
    };
  };
};

function cassandraOf(spec: Record<string, unknown>): KubernetesObject[] {
  return cassandraObjects(sampleCluster(spec), sampleImages, CASSANDRA_SIZE, "system");
}

function statefulSet(objects: KubernetesObject[]): StatefulSet {
  const found = objects.find(({ kind }) => kind === "StatefulSet");
  assert.ok(found);
  return found as StatefulSet;
}

test("redis.conf keeps what it was given, refuses writes before it is killed, and holds no password", () => {
  const config = redisConfig(sampleCluster({ redis: { resources: { limits: { memory: "1Gi" } } } }));
  assert.match(config, /^appendonly yes$/m);
  assert.match(config, /^maxmemory-policy noeviction$/m);
  assert.match(config, new RegExp(`^maxmemory ${0.75 * 2 ** 30}$`, "m"));
  assert.match(config, /^include \/etc\/redis-auth\/auth\.conf$/m);
  assert.doesNotMatch(config, /requirepass/);
});

test("volumes go with the ChatCluster only where the spec says so", () => {
  for (const [volumes, whenDeleted] of [
    ["Keep", "Retain"],
    ["Delete", "Delete"],
  ]) {
    const cluster = sampleCluster({ retention: { volumes } });
    const policyOf = (objects: KubernetesObject[]) => statefulSet(objects).spec.persistentVolumeClaimRetentionPolicy;
    const redis = redisObjects(cluster, around);
    assert.deepEqual(policyOf(redis), { whenDeleted, whenScaled: "Retain" });
    // A node that has left the ring has handed its data over; its volume is of no use to another.
    const cassandra = cassandraObjects(cluster, sampleImages, CASSANDRA_SIZE, "system");
    assert.deepEqual(policyOf(cassandra), { whenDeleted, whenScaled: whenDeleted });
  }
});

test("the claim template keeps the size that it was made with", () => {
  const { spec } = statefulSet(redisObjects(sampleCluster({ redis: { storage: { size: "9Gi" } } }), around));
  assert.equal(spec.volumeClaimTemplates[0]?.spec.resources.requests.storage, "1Gi");
});

test("cassandra.yaml asks for passwords, and has the spec's settings as YAML reads them", () => {
  const yaml = parse(cassandraYaml(sampleCluster())) as Record<string, unknown>;
  assert.equal(yaml.authenticator, "PasswordAuthenticator");
  assert.equal(yaml.authorizer, "CassandraAuthorizer");
  assert.equal(yaml.endpoint_snitch, "GossipingPropertyFileSnitch");
  const config = { concurrent_reads: 64, auto_snapshot: "false", read_request_timeout: "10s" };
  const set = parse(cassandraYaml(sampleCluster({ cassandra: { config } }))) as Record<string, unknown>;
  assert.deepEqual([set.concurrent_reads, set.auto_snapshot, set.read_request_timeout], [64, false, "10s"]);
});

test("neither more nodes nor more copies roll the nodes that there are", () => {
  const template = (cassandra: object) => statefulSet(cassandraOf({ cassandra })).spec.template;
  assert.deepEqual(template({ nodes: 5, replicationFactor: 3 }), template({ nodes: 1, replicationFactor: 1 }));
  assert.notDeepEqual(template({ config: { concurrent_reads: 64 } }), template({}));
});

test("Cassandra drains before it goes, and is ready only when its agent sees it up and normal", () => {
  const { containers, initContainers } = statefulSet(cassandraOf({})).spec.template.spec;
  const [cassandra, agent] = containers;
  assert.deepEqual(cassandra?.lifecycle?.preStop?.exec?.command, ["nodetool", "drain"]);
  assert.equal(agent?.readinessProbe?.httpGet?.path, "/readyz");
  assert.equal(initContainers[0]?.image, sampleImages.cassandraAgent);
  // Of Jolokia nothing is reached from outside of the pod.
  assert.match(cassandraJvmOptions(sampleCluster()), /jolokia\.jar=port=8778,host=127\.0\.0\.1,/);
  assert.ok(!JSON.stringify(containers).includes('"containerPort":8778'));
});

test("snapshots have a volume that stays, of their own or one that is there, and roll no node of Cassandra", () => {
  assert.deepEqual(snapshotObjects(sampleCluster(), around), []);
  for (const [snapshots, templates, volumes] of [
    [{ storage: { size: "9Gi" } }, 1, []],
    [{ claimName: "old" }, 0, [{ name: "data", persistentVolumeClaim: { claimName: "old" } }]],
  ] as const) {
    const cluster = sampleCluster({ cassandra: { snapshots }, retention: { volumes: "Delete" } });
    const { spec } = statefulSet(snapshotObjects(cluster, around));
    assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: "Retain", whenScaled: "Retain" });
    assert.equal(spec.volumeClaimTemplates?.length ?? 0, templates);
    assert.deepEqual((spec.template.spec as { volumes?: object[] }).volumes ?? [], volumes);
  }
  const template = (cassandra: object) => statefulSet(cassandraOf({ cassandra })).spec.template;
  assert.deepEqual(template({ snapshots: {} }), template({}));
  const writable = ({ spec }: ReturnType<typeof template>) =>
    (spec.containers[1] as { volumeMounts: { subPath?: string; readOnly?: boolean }[] }).volumeMounts.flatMap(
      ({ subPath, readOnly }) => (readOnly ? [] : [subPath]),
    );
  assert.deepEqual(writable(template({})), []);
  const restore = { snapshot: "old-20260101-000000" };
  assert.deepEqual(writable(template({ snapshots: {}, restore })), ["restore"]);
});

test("the spec's options of the JVM come after the operator's, and win", () => {
  const options = cassandraJvmOptions(sampleCluster({ cassandra: { jvmOptions: ["-Xss1m"] } }));
  assert.match(options, / -Xss1m$/);
});

test("the heap is given in whole MiB, and a small one gets the serial collector", () => {
  assert.deepEqual(heapSizes(sampleCluster({ cassandra: { heap: "8Gi" } })), { max: "8192M", young: "2048M" });
  assert.match(cassandraJvmOptions(sampleCluster({ cassandra: { heap: "384Mi" } })), /UseSerialGC/);
  assert.doesNotMatch(cassandraJvmOptions(sampleCluster({ cassandra: { heap: "8Gi" } })), /UseSerialGC/);
});

test("a changed configuration rolls the pods", () => {
  const hash = (spec: Record<string, unknown>) =>
    statefulSet(redisObjects(sampleCluster(spec), around)).spec.template.metadata.annotations;
  assert.notDeepEqual(hash({}), hash({ redis: { resources: { limits: { memory: "2Gi" } } } }));
  assert.deepEqual(hash({}), hash({ servers: { max: 7 } }));
});

test("the stores are open to the chat servers, Cassandra's nodes and the operator, each at its port, and to nobody else", () => {
  const rulesOf = (objects: KubernetesObject[]) => {
    const found = objects.find(({ kind }) => kind === "NetworkPolicy");
    assert.ok(found);
    const { ingress, policyTypes, podSelector } = found.spec as Record<string, unknown>;
    assert.deepEqual(policyTypes, ["Ingress"]);
    const text = (peer: unknown) => JSON.stringify(peer);
    const { matchLabels } = podSelector as { matchLabels: Record<string, string> };
    assert.equal(matchLabels["app.kubernetes.io/instance"], "sample");
    return (ingress as { from: object[]; ports: { port: number }[] }[]).map(({ from, ports }) => [
      ports.map(({ port }) => port),
      from.map((peer) =>
        [...text(peer).matchAll(/(?:component|metadata\.name)":"(\w+)/g)].map(([, value]) => value).join(" "),
      ),
    ]);
  };
  assert.deepEqual(rulesOf(redisObjects(sampleCluster(), around)), [[[6379], ["chat", "system operator"]]]);
  assert.deepEqual(rulesOf(cassandraObjects(sampleCluster(), sampleImages, CASSANDRA_SIZE, "system")), [
    [[9042], ["chat", "cassandra", "system operator"]],
    [[7000], ["cassandra"]],
    [[8406], ["cassandra", "system operator"]],
  ]);
  const snapshots = sampleCluster({ cassandra: { snapshots: {} } });
  assert.deepEqual(rulesOf(cassandraObjects(snapshots, sampleImages, CASSANDRA_SIZE, "system"))[2], [
    [8406],
    ["cassandra", "system operator", "snapshots"],
  ]);
  assert.deepEqual(rulesOf(snapshotObjects(snapshots, around)), [[[8407], ["system operator", "cassandra"]]]);
  const off = redisObjects(sampleCluster({ networkPolicies: false }), around);
  assert.equal(off.filter(({ kind }) => kind === "NetworkPolicy").length, 0);
});
