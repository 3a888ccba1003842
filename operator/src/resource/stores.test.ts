import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { KubernetesObject } from "../runtime/index.ts";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { cassandraObjects } from "./cassandra.ts";
import { cassandraJvmOptions, cassandraYaml, heapSizes } from "./cassandra-config.ts";
import { redisObjects } from "./redis.ts";
import { redisConfig } from "./redis-config.ts";

type StatefulSet = KubernetesObject & {
  spec: {
    persistentVolumeClaimRetentionPolicy: object;
    volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
    template: { metadata: { annotations: Record<string, string> } };
  };
};

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
    for (const objects of [
      redisObjects(cluster, sampleImages, "1Gi"),
      cassandraObjects(cluster, sampleImages, "1Gi", "system"),
    ])
      assert.deepEqual(statefulSet(objects).spec.persistentVolumeClaimRetentionPolicy, {
        whenDeleted,
        whenScaled: "Retain",
      });
  }
});

test("the claim template keeps the size that it was made with", () => {
  const { spec } = statefulSet(
    redisObjects(sampleCluster({ redis: { storage: { size: "9Gi" } } }), sampleImages, "1Gi"),
  );
  assert.equal(spec.volumeClaimTemplates[0]?.spec.resources.requests.storage, "1Gi");
});

test("cassandra.yaml asks for passwords, and finds its seeds by name", () => {
  const yaml = parse(cassandraYaml(sampleCluster())) as Record<string, unknown>;
  assert.equal(yaml.authenticator, "PasswordAuthenticator");
  assert.equal(yaml.authorizer, "CassandraAuthorizer");
  assert.equal(yaml.endpoint_snitch, "GossipingPropertyFileSnitch");
  assert.match(JSON.stringify(yaml.seed_provider), /sample-cassandra-0\.sample-cassandra/);
});

test("the waits of a ring are cut for a single node only", () => {
  assert.match(cassandraJvmOptions(sampleCluster()), /skip_wait_for_gossip_to_settle=0/);
  const ring = cassandraJvmOptions(sampleCluster({ cassandra: { nodes: 3, replicationFactor: 3 } }));
  assert.doesNotMatch(ring, /skip_wait_for_gossip_to_settle|ring_delay/);
});

test("the heap is given in whole MiB, and a small one gets the serial collector", () => {
  assert.deepEqual(heapSizes(sampleCluster({ cassandra: { heap: "8Gi" } })), { max: "8192M", young: "2048M" });
  assert.match(cassandraJvmOptions(sampleCluster({ cassandra: { heap: "384Mi" } })), /UseSerialGC/);
  assert.doesNotMatch(cassandraJvmOptions(sampleCluster({ cassandra: { heap: "8Gi" } })), /UseSerialGC/);
});

test("a changed configuration rolls the pods", () => {
  const hash = (spec: Record<string, unknown>) =>
    statefulSet(redisObjects(sampleCluster(spec), sampleImages, "1Gi")).spec.template.metadata.annotations;
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
  assert.deepEqual(rulesOf(redisObjects(sampleCluster(), sampleImages, "1Gi")), [[[6379], ["chat"]]]);
  assert.deepEqual(rulesOf(cassandraObjects(sampleCluster(), sampleImages, "1Gi", "system")), [
    [[9042], ["chat", "cassandra", "system operator"]],
    [[7000], ["cassandra"]],
  ]);
  const off = redisObjects(sampleCluster({ networkPolicies: false }), sampleImages, "1Gi");
  assert.equal(off.filter(({ kind }) => kind === "NetworkPolicy").length, 0);
});
