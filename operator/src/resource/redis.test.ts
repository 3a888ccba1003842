import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesObject } from "../runtime/index.ts";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { type RedisSurroundings, redisObjects, sentinelObjects } from "./redis.ts";
import { redisUsers, sentinelUsers, standaloneUsers } from "./redis-access.ts";
import { redisAddressObjects } from "./redis-members.ts";

const PASSWORDS = { chat: "of-chat", node: "of-nodes", operator: "of-operator" };

interface PodSpec {
  hostAliases: { ip: string; hostnames: string[] }[];
  topologySpreadConstraints: object[];
  containers: { env: { name: string; value?: string }[]; volumeMounts: { name: string; mountPath: string }[] }[];
  volumes: { name: string; emptyDir?: { medium?: string } }[];
}

type StatefulSet = KubernetesObject & {
  spec: { replicas: number; updateStrategy: object; template: { metadata: object; spec: PodSpec } };
};

function replicated(spec: Record<string, unknown> = {}, addresses: Record<string, string> = {}) {
  const cluster = sampleCluster({ redis: { mode: "sentinel", ...spec } });
  const around: RedisSurroundings = {
    images: sampleImages,
    volumeSize: "1Gi",
    operatorNamespace: "system",
    addresses,
  };
  return { cluster, redis: redisObjects(cluster, around), sentinels: sentinelObjects(cluster, around) };
}

function find<Kind extends KubernetesObject>(objects: KubernetesObject[], kind: string): Kind {
  const found = objects.find((object) => object.kind === kind);
  assert.ok(found, kind);
  return found as Kind;
}

const redisConf = (objects: KubernetesObject[]) =>
  find<KubernetesObject & { data: Record<string, string> }>(objects, "ConfigMap").data["redis.conf"] ?? "";

test("a master that is cut off stops taking writes where two can be lost without it, and only there", () => {
  for (const [replicas, needed] of [
    [2, 0],
    [3, 1],
    [5, 1],
  ])
    assert.match(redisConf(replicated({ replicas }).redis), new RegExp(`^min-replicas-to-write ${needed}$`, "m"));
  assert.match(redisConf(replicated().redis), /^min-replicas-max-lag 10$/m);
});

test("each member has a Service of its own, by whose address the others know its name", () => {
  const { cluster } = replicated({ replicas: 2 });
  const services = redisAddressObjects(cluster);
  const names = services.map(({ metadata }) => metadata.name);
  assert.deepEqual(
    names,
    ["redis-0", "redis-1", "sentinel-0", "sentinel-1", "sentinel-2"].map((end) => `sample-${end}`),
  );
  for (const { spec, metadata } of services) {
    const { selector, publishNotReadyAddresses } = spec as { selector: object; publishNotReadyAddresses: boolean };
    assert.equal((selector as Record<string, string>)["statefulset.kubernetes.io/pod-name"], metadata.name);
    assert.equal(publishNotReadyAddresses, true, "they find each other before they are ready");
  }
  const addresses = { "sample-redis-0": "10.0.0.1", "sample-sentinel-0": "10.0.0.2" };
  const { redis, sentinels } = replicated({}, addresses);
  for (const objects of [redis, sentinels])
    assert.deepEqual(find<StatefulSet>(objects, "StatefulSet").spec.template.spec.hostAliases, [
      { ip: "10.0.0.1", hostnames: ["sample-redis-0"] },
      { ip: "10.0.0.2", hostnames: ["sample-sentinel-0"] },
    ]);
});

test("Redis is rolled by the operator; what Redis rewrites, passwords in it, is on no disk", () => {
  const { spec } = find<StatefulSet>(replicated().redis, "StatefulSet");
  assert.deepEqual(spec.updateStrategy, { type: "OnDelete" });
  assert.equal(spec.replicas, 3);
  assert.equal(spec.template.spec.topologySpreadConstraints.length, 2);
  const run = spec.template.spec.volumes.find(({ name }) => name === "run");
  assert.equal(run?.emptyDir?.medium, "Memory");
  const mount = spec.template.spec.containers[0]?.volumeMounts.find(({ name }) => name === "run");
  assert.equal(mount?.mountPath, "/run/redis");
});

test("no password is in a ConfigMap or a pod template; in the Secret, users have only its digest", () => {
  const { redis, sentinels } = replicated();
  const rendered = JSON.stringify([redis, sentinels]);
  for (const word of ["requirepass", "masterauth", "sentinel auth-pass", "sentinel sentinel-pass", "user"])
    assert.equal(rendered.includes(`\\n${word} `), false, word);
  for (const text of [redisUsers([PASSWORDS]), sentinelUsers([PASSWORDS], "chat")]) {
    assert.match(text, /^user default off$/m);
    assert.doesNotMatch(text, /of-chat/);
    assert.match(text, /^user chat on #[0-9a-f]{64} resetkeys resetchannels /m);
  }
});

test("while passwords are replaced each user has both, and the servers use the first ones themselves", () => {
  const next = { chat: "new-of-chat", node: "new-of-nodes", operator: "new-of-operator" };
  const digest = "#[0-9a-f]{64}";
  for (const text of [redisUsers([next, PASSWORDS]), sentinelUsers([next, PASSWORDS], "chat")]) {
    for (const user of ["chat", "node", "operator"])
      assert.match(text, new RegExp(`^user ${user} on ${digest} ${digest} resetkeys`, "m"));
    assert.match(text, / new-of-nodes$/m);
    assert.doesNotMatch(text, / of-nodes$/m);
  }
  assert.match(standaloneUsers(["b", "a"]), new RegExp(`^user default on ${digest} ${digest} ~\\* &\\* \\+@all$`, "m"));
});

test("no container is started with a password of Redis: it would keep it when that is replaced", () => {
  const standalone = redisObjects(sampleCluster(), {
    images: sampleImages,
    volumeSize: "1Gi",
    operatorNamespace: "system",
    addresses: {},
  });
  for (const objects of [replicated().redis, replicated().sentinels, standalone]) {
    const { containers } = find<StatefulSet>(objects, "StatefulSet").spec.template.spec;
    for (const { env = [] } of containers) assert.doesNotMatch(JSON.stringify(env), /secretKeyRef/);
    assert.match(JSON.stringify(containers), /--user probe --pass probe|"--user","probe","--pass","probe"/);
  }
});

test("Redis and the sentinels are open to the chat servers, to each other and to the operator", () => {
  const { redis, sentinels } = replicated();
  for (const [objects, port] of [
    [redis, 6379],
    [sentinels, 26379],
  ] as const) {
    const { spec } = find(objects, "NetworkPolicy");
    const { ingress } = spec as { ingress: { from: object[]; ports: { port: number }[] }[] };
    assert.equal(ingress.length, 1);
    assert.deepEqual(ingress[0]?.ports, [{ port, protocol: "TCP" }]);
    const components = [...JSON.stringify(ingress[0]?.from).matchAll(/component":"(\w+)/g)].map(([, name]) => name);
    assert.deepEqual(components, ["chat", "redis", "sentinel", "operator"]);
  }
});

test("nothing of the sentinels is there with a single Redis, whose pods an upgrade does not touch", () => {
  const cluster = sampleCluster();
  assert.deepEqual(redisAddressObjects(cluster), []);
  const around = { images: sampleImages, volumeSize: "1Gi", operatorNamespace: "system", addresses: {} };
  const { spec } = find<StatefulSet>(redisObjects(cluster, around), "StatefulSet");
  assert.deepEqual(spec.updateStrategy, { type: "RollingUpdate" });
  assert.equal(spec.template.spec.hostAliases, undefined);
  assert.deepEqual(
    spec.template.spec.volumes.map(({ name }) => name),
    ["config", "auth"],
  );
});
