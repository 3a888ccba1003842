import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import { ApiError, type Client, type KubernetesObject } from "../runtime/index.ts";
import { chatCluster, clientOf, installCrd } from "../testing/chat-cluster-api.ts";
import { parseChatCluster } from "./chat-cluster.ts";

let server: ApiServer;
let client: Client;
let kubectl: string;
const run = promisify(execFile);

before(async () => {
  server = await startApiServer();
  client = clientOf(server.kubeconfig);
  kubectl = await tool("kubectl");
  await installCrd(client);
});
after(async () => {
  client.close();
  await server.stop();
});

async function refusal(
  object: KubernetesObject,
  write: (object: KubernetesObject) => Promise<unknown>,
): Promise<string> {
  const error = await write(object).then(
    () => assert.fail(`accepted: ${JSON.stringify(object.spec)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.code, "kubernetes_invalid");
  return error.message;
}

test("an empty spec gets every default, and is what the operator's types say", async () => {
  const created = await client.create(chatCluster("defaults", {}));
  const { spec } = parseChatCluster(created);
  assert.equal(spec.servers.min, 2);
  assert.equal(spec.servers.max, 10);
  assert.equal(spec.servers.replicas, undefined);
  assert.equal(spec.servers.connectionsPerServer, 5000);
  assert.equal(spec.servers.drainSeconds, 30);
  assert.equal(spec.redis.mode, "standalone");
  assert.deepEqual(spec.cassandra.storage, { size: "10Gi" });
  assert.equal(spec.cassandra.datacenter, "dc1");
  assert.equal(spec.ingress.loadFactor, 125);
  assert.equal(spec.ingress.service.type, "ClusterIP");
  assert.equal(spec.retention.volumes, "Keep");
  assert.equal(spec.limits.maxConnections, 15000);
  // Defaults are the API server's, not only ours.
  assert.deepEqual(created.spec, spec);
});

const REFUSED: [field: string, spec: Record<string, unknown>][] = [
  ["spec.servers.min", { servers: { min: 0 } }],
  ["spec.servers.min", { servers: { min: 5, max: 4 } }],
  ["spec.servers.replicas", { servers: { min: 2, max: 4, replicas: 5 } }],
  ["spec.servers.replicas", { servers: { min: 2, max: 4, replicas: 1 } }],
  ["spec.servers.connectionsPerServer", { servers: { connectionsPerServer: 20000 } }],
  ["spec.redis.mode", { redis: { mode: "cluster" } }],
  ["spec.redis.replicas", { redis: { mode: "sentinel", replicas: 1 } }],
  ["spec.redis.replicas", { redis: { replicas: 3 } }],
  ["spec.redis.external", { redis: { mode: "external" } }],
  ["spec.redis.external", { redis: { external: { url: "redis://cache:6379" } } }],
  ["spec.redis.external", { redis: { mode: "external", external: {} } }],
  [
    "spec.redis.external",
    { redis: { mode: "external", external: { url: "redis://cache:6379", clusterNodes: ["cache:6379"] } } },
  ],
  ["spec.redis.external.tls", { redis: { mode: "external", external: { url: "redis://cache:6379", tls: true } } }],
  ["spec.redis.external.url", { redis: { mode: "external", external: { url: "redis://:secret@cache:6379" } } }],
  ["spec.redis.external.clusterNodes", { redis: { mode: "external", external: { clusterNodes: ["cache"] } } }],
  ["spec.redis.external.sentinels", { redis: { mode: "external", external: { sentinels: { addresses: [] } } } }],
  [
    "spec.redis.podTemplate",
    { redis: { mode: "external", external: { url: "redis://cache:6379" }, podTemplate: { spec: {} } } },
  ],
  ["spec.redis.sentinelPodTemplate", { redis: { sentinelPodTemplate: { spec: {} } } }],
  [
    "spec.cassandra.podTemplate",
    { cassandra: { external: { contactPoints: ["a"], secretName: "login" }, podTemplate: { spec: {} } } },
  ],
  ["spec.ingress.podTemplate", { ingress: { mode: "None", podTemplate: { spec: {} } } }],
  ["spec.redis.storage.size", { redis: { storage: { size: "much" } } }],
  ["spec.cassandra.replicationFactor", { cassandra: { nodes: 2, replicationFactor: 3 } }],
  ["spec.cassandra.heap", { cassandra: { heap: "128Mi" } }],
  ["spec.cassandra.datacenter", { cassandra: { datacenter: "dc-1; DROP" } }],
  ["spec.cassandra.external.contactPoints", { cassandra: { external: { contactPoints: [], secretName: "login" } } }],
  [
    "spec.cassandra.external.contactPoints",
    { cassandra: { external: { contactPoints: ["a,b"], secretName: "login" } } },
  ],
  ["spec.cassandra.external.secretName", { cassandra: { external: { contactPoints: ["a"] } } }],
  ["spec.cassandra.restore", { cassandra: { restore: { snapshot: "old-20260101-000000" } } }],
  [
    "spec.cassandra.restore.snapshot",
    { cassandra: { snapshots: {}, restore: { snapshot: "../old-20260101-000000" } } },
  ],
  ["spec.cassandra.snapshots.keep", { cassandra: { snapshots: { keep: 0 } } }],
  [
    "spec.cassandra.snapshots",
    { cassandra: { snapshots: {}, external: { contactPoints: ["a"], secretName: "login" } } },
  ],
  ["spec.cassandra.config", { cassandra: { config: { concurrent_reads: 64, seed_provider: "mine" } } }],
  ["spec.cassandra.config", { cassandra: { config: { authenticator: "AllowAllAuthenticator" } } }],
  ["spec.cassandra.jvmOptions", { cassandra: { jvmOptions: ["-Da=b -Dc=d"] } }],
  ["spec.cassandra.jvmOptions", { cassandra: { jvmOptions: ["$(id)"] } }],
  ["spec.ingress.loadFactor", { ingress: { loadFactor: 100 } }],
  ["spec.ingress.hashOn", { ingress: { hashOn: "phase of the moon" } }],
  ["spec.ingress.service.nodePort", { ingress: { service: { type: "ClusterIP", nodePort: 30080 } } }],
  ["spec.auth.jwksUrl", { auth: { secretName: "own", jwksUrl: "https://id.example/keys" } }],
  ["spec.auth.jwksUrl", { auth: { jwksUrl: "ftp://id.example/keys" } }],
  ["spec.ingress.connectionRatePerAddress", { ingress: { connectionRatePerAddress: -1 } }],
  ["spec.ingress.tls", { ingress: { mode: "None", tls: { secretName: "a" } } }],
  ["spec.ingress.ingress", { ingress: { mode: "Ingress" } }],
  ["spec.ingress.mode Ingress", { ingress: { ingress: {} } }],
  ["spec.ingress.ingress", { ingress: { mode: "Gateway", ingress: {}, gateway: { parentRefs: [{ name: "a" }] } } }],
  ["spec.ingress.ingress.hosts", { ingress: { mode: "Ingress", ingress: { hosts: ["Chat.example"] } } }],
  ["spec.ingress.tls", { ingress: { mode: "Ingress", ingress: {}, tls: { secretName: "a" } } }],
  ["spec.ingress.accessLog", { ingress: { mode: "None", accessLog: true } }],
  ["spec.ingress.proxyProtocol", { ingress: { mode: "None", proxyProtocol: true } }],
  ["spec.ingress.connectionRatePerAddress", { ingress: { mode: "Ingress", ingress: {}, connectionRatePerAddress: 9 } }],
  ["spec.ingress.gateway", { ingress: { mode: "Gateway" } }],
  ["spec.ingress.gateway.parentRefs", { ingress: { mode: "Gateway", gateway: { parentRefs: [] } } }],
  [
    "spec.ingress.gateway.timeouts.request",
    { ingress: { mode: "Gateway", gateway: { parentRefs: [{ name: "a" }], timeouts: { request: "soon" } } } },
  ],
  ["spec.ingress.tls.ownAuthority", { ingress: { tls: {} } }],
  ["spec.ingress.tls.secretName", { ingress: { tls: { secretName: "a", ownAuthority: { hosts: ["chat.example"] } } } }],
  ["spec.ingress.tls.ownAuthority.hosts", { ingress: { tls: { ownAuthority: { hosts: [] } } } }],
  ["spec.servers.surge", { servers: { surge: 0 } }],
  ["spec.limits.maxMembers", { limits: { maxMembers: 1025 } }],
  ["spec.limits.maxConnectionsPerUser", { limits: { maxConnections: 10000, maxConnectionsPerUser: 1001 } }],
  [
    "spec.limits.maxConnectionsPerUser",
    { servers: { connectionsPerServer: 5 }, limits: { maxConnections: 5, maxConnectionsPerUser: 6 } },
  ],
  ["spec.limits.maxBufferedBytes", { limits: { maxBufferedBytes: 1 } }],
  ["spec.dashboard", { dashboard: "open" }],
  ["spec.push.apns.keyId", { push: { apns: { secretName: "a", keyId: "x", teamId: "TEAM123456", topic: "app" } } }],
  ["spec.push.webPush.publicKey", { push: { webPush: { secretName: "a", subject: "mailto:a@b.c" } } }],
  ["spec.monitoring.scrapers", { networkPolicies: false, monitoring: { scrapers: [{ namespace: "monitoring" }] } }],
  ["spec.monitoring.scrapers", { monitoring: { scrapers: [{ namespace: "Monitoring" }] } }],
  ["spec.monitoring.podMonitor.interval", { monitoring: { podMonitor: { interval: "often" } } }],
  ["spec.retention.volumes", { retention: { volumes: "Perhaps" } }],
];

for (const [field, spec] of REFUSED) {
  test(`${JSON.stringify(spec)} is refused with a message that names ${field}`, async () => {
    const message = await refusal(chatCluster("refused", spec), (object) => client.create(object));
    assert.ok(message.includes(field), message);
  });
}

test("a name that its Services could not have is refused", async () => {
  for (const name of ["a.b", "9lives", "a".repeat(41)]) {
    const message = await refusal(chatCluster(name, {}), (object) => client.create(object));
    assert.match(message, /metadata\.name/);
  }
});

const CHANGES: [field: string, from: Record<string, unknown>, to: Record<string, unknown>][] = [
  ["spec.cassandra.storage.size", { storage: { size: "10Gi" } }, { storage: { size: "9Gi" } }],
  ["spec.cassandra.storage.storageClassName", {}, { storage: { storageClassName: "fast" } }],
  ["spec.cassandra.external", {}, { external: { contactPoints: ["a"], secretName: "login" } }],
  ["spec.cassandra.restore", { snapshots: {} }, { restore: { snapshot: "old-20260101-000000" } }],
  ["spec.cassandra.snapshots.claimName", { snapshots: {} }, { snapshots: { claimName: "other" } }],
  [
    "spec.cassandra.restore",
    { snapshots: {}, restore: { snapshot: "old-20260101-000000" } },
    { restore: { snapshot: "old-20270101-000000" } },
  ],
  ["spec.cassandra.datacenter", { datacenter: "dc1" }, { datacenter: "dc2" }],
  ["spec.cassandra.replicationFactor", { nodes: 3, replicationFactor: 3 }, { nodes: 2 }],
];

for (const [field, from, to] of CHANGES) {
  test(`${field} cannot be changed from ${JSON.stringify(from)} to ${JSON.stringify(to)}`, async () => {
    const name = `change-${CHANGES.findIndex(([, , each]) => each === to)}`;
    const created = await client.create(chatCluster(name, { cassandra: from }));
    const changed = { ...created, spec: { ...(created.spec as object), cassandra: { ...from, ...to } } };
    const message = await refusal(changed, (object) => client.update(object));
    assert.ok(message.includes(field), message);
  });
}

test("the mode of Redis stays, its number of servers may change, and another's Redis may move", async () => {
  const created = await client.create(chatCluster("replicated", { redis: { mode: "sentinel" } }));
  const spec = created.spec as { redis: object };
  const withRedis = (redis: object) => ({ ...created, spec: { ...spec, redis: { ...spec.redis, ...redis } } });
  const message = await refusal(withRedis({ mode: "standalone" }), (object) => client.update(object));
  assert.match(message, /spec\.redis\.mode/);
  await client.update(withRedis({ replicas: 5 }));
  const addresses = ["s-0:26379", "[fd00::1]:26379"];
  const external = { sentinels: { addresses, master: "main", secretName: "watchers" }, secretName: "login", tls: true };
  const theirs = await client.create(chatCluster("external", { redis: { mode: "external", external } }));
  const moved = { ...(theirs.spec as object), redis: { mode: "external", external: { url: "rediss://cache:6380/1" } } };
  await client.update({ ...theirs, spec: moved });
});

test("the way in may change its mode, and its default is that requests take as long as they take", async () => {
  const created = await client.create(chatCluster("ways-in", {}));
  const spec = created.spec as { ingress: object };
  const gateway = { parentRefs: [{ name: "public" }] };
  const changed = await client.update({ ...created, spec: { ...spec, ingress: { mode: "Gateway", gateway } } });
  assert.deepEqual(parseChatCluster(changed).spec.ingress.gateway, {
    parentRefs: [{ name: "public" }],
    hostnames: [],
    timeouts: { request: "0s" },
    annotations: {},
  });
  assert.deepEqual(changed.spec, parseChatCluster(changed).spec);
});

test("a volume may grow, in any unit", async () => {
  const created = await client.create(chatCluster("grow", { redis: { storage: { size: "1Gi" } } }));
  const grown = { ...created, spec: { ...(created.spec as object), redis: { storage: { size: "1025Mi" } } } };
  await client.update(grown);
});

test("kubectl scale writes spec.servers.replicas, within min and max", async () => {
  await client.create(chatCluster("scaled", { servers: { min: 2, max: 4 } }));
  const scale = (count: number) =>
    run(kubectl, ["--kubeconfig", server.kubeconfigFile, "scale", "chat/scaled", `--replicas=${count}`]);
  await scale(3);
  const scaled = parseChatCluster(
    await client.get(client.scheme.kindOf(chatCluster("scaled", {})), {
      namespace: "default",
      name: "scaled",
    }),
  );
  assert.equal(scaled.spec.servers.replicas, 3);
  await assert.rejects(scale(9), /spec\.servers\.replicas/);
});

test("kubectl explain has a description for every field", async () => {
  const { stdout } = await run(kubectl, [
    "--kubeconfig",
    server.kubeconfigFile,
    "explain",
    "chatclusters.spec",
    "--recursive",
  ]);
  for (const field of ["connectionsPerServer", "replicationFactor", "hashOn", "podTemplate"])
    assert.match(stdout, new RegExp(field));
  const explained = await run(kubectl, [
    "--kubeconfig",
    server.kubeconfigFile,
    "explain",
    "chatclusters.spec.servers.connectionsPerServer",
  ]);
  assert.match(explained.stdout, /Open connections per chat server/);
  assert.doesNotMatch(explained.stdout, /<empty>/);
});
