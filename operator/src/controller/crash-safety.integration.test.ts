import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { ChatClusterStatus } from "../api/status.ts";
import type { NodeView } from "../cassandra-agent/node-view.ts";
import { CASSANDRA_AGENT_PORT } from "../cassandra-agent/paths.ts";
import { CHAT_ADMIN_PORT } from "../resource/names.ts";
import {
  type Client,
  ConfigMap,
  Deployment,
  type KubernetesObject,
  NetworkPolicy,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
} from "../runtime/index.ts";
import { chatCluster, clientOf, installCrd } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorProgram, startOperatorProgram } from "../testing/operator-program.ts";
import { CHAT_CLUSTER } from "./informers.ts";

const CRASHING = fileURLToPath(new URL("../testing/crashing-operator.ts", import.meta.url));
const CHILD_KINDS = [
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
];
const MANAGED = "app.kubernetes.io/managed-by=chatcluster-operator";

let server: ApiServer;
let admin: Client;

before(async () => {
  server = await startApiServer();
  admin = clientOf(server.kubeconfig);
  await installCrd(admin);
});
after(async () => {
  admin.close();
  await server.stop();
});

/** An operator of one namespace that crashes after so many steps. @returns whether it came so far */
async function runUntilCrash(namespace: string, crashAfter: number, isOver = isDone): Promise<boolean> {
  const env = {
    CRASH_AFTER: String(crashAfter),
    OPERATOR_WATCH_NAMESPACE: namespace,
    OPERATOR_LEADER_ELECTION: "false",
  };
  await using operator = await startOperatorProgram(server.kubeconfigFile, env, CRASHING);
  const hasCrashed = () => operator.child.signalCode === "SIGKILL";
  await until(async () => hasCrashed() || (await isOver(namespace)), `step ${crashAfter}, or the end of the work`);
  return hasCrashed();
}

/** Whether the operator has nothing left to do without a kubelet: the newest spec is in the status, and a drain is over. */
async function isDone(namespace: string): Promise<boolean> {
  const { status, metadata } = await admin.get(CHAT_CLUSTER, { namespace, name: "sample" });
  const { observedGeneration, conditions, servers } = (status ?? {}) as ChatClusterStatus;
  const scaling = conditions?.find(({ type }) => type === "ScalingActive");
  const isScaled = servers === 0 || (scaling?.reason === "AtTarget" && (await replicas(namespace)) === 1);
  return observedGeneration === metadata.generation && isScaled;
}

function nextOperator(): Promise<OperatorProgram> {
  return startOperatorProgram(server.kubeconfigFile, { OPERATOR_LEADER_ELECTION: "false" });
}

async function children(namespace: string): Promise<KubernetesObject[]> {
  const lists = await Promise.all(CHILD_KINDS.map((kind) => admin.list(kind, { namespace, labelSelector: MANAGED })));
  return lists.flatMap(({ items }) => items);
}

/** What must be the same in every namespace: all but identities, times, addresses and passwords. */
function comparable(objects: readonly KubernetesObject[]): unknown[] {
  return objects.map(({ kind, metadata, spec, data, rules, roleRef }) => {
    const { name, labels, ownerReferences = [] } = metadata;
    const { clusterIP: _, clusterIPs: __, ...rest } = (spec ?? {}) as Record<string, unknown>;
    const content = kind === "Secret" || name.endsWith("-cassandra") ? Object.keys((data ?? {}) as object) : data;
    const owners = ownerReferences.map((owner) => [owner.kind, owner.name, owner.controller]);
    // Cassandra's cluster name holds the namespace, and the template the hash of its configuration.
    const text = JSON.stringify(rest).replaceAll(/"chatcluster.dev\/config-hash":"\w+"/g, "");
    return { kind, name, labels, owners, spec: text, content, rules, roleRef };
  });
}

async function secretsOf(namespace: string): Promise<Record<string, unknown>> {
  const { items } = await admin.list(Secret, { namespace, labelSelector: MANAGED });
  return Object.fromEntries(items.map(({ metadata, data }) => [metadata.name, data]));
}

test("an operator that dies after any step of a creation leaves what the next one completes, with no password changed", async () => {
  const interrupted = new Map<string, Record<string, unknown>>();
  let survivor: string | undefined;
  for (let step = 1; survivor === undefined; step++) {
    const namespace = await restrictedNamespace(admin, `creation-${step}`);
    await admin.create(chatCluster("sample", {}, namespace));
    if (await runUntilCrash(namespace, step)) interrupted.set(namespace, await secretsOf(namespace));
    else survivor = namespace;
  }
  assert.ok(interrupted.size >= 26, `only ${interrupted.size} steps for 26 children`);
  const reference = comparable(await children(survivor));
  await using _next = await nextOperator();
  for (const [namespace, secrets] of interrupted) {
    await until(() => isDone(namespace), `${namespace} to be finished`);
    assert.deepEqual(comparable(await children(namespace)), reference, namespace);
    assert.deepEqual({ ...(await secretsOf(namespace)), ...secrets }, await secretsOf(namespace), namespace);
  }
});

/** Two chat servers of each namespace, at addresses of their own on this machine. */
async function playServers() {
  const drains: string[] = [];
  const http = createServer((request, response) => {
    const address = request.socket.localAddress ?? "";
    if (request.method === "POST") drains.push(address);
    const draining = drains.includes(address);
    const connections = draining ? 0 : address.endsWith(".1") ? 40 : 3;
    response.end(JSON.stringify({ serverId: address, connections, draining, drained: draining }));
  });
  // All of 127.0.0.0/8 is this machine; one port for all addresses.
  http.listen(CHAT_ADMIN_PORT, "0.0.0.0");
  await once(http, "listening");
  return {
    drains,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

async function runPod(namespace: string, name: string, podIP: string): Promise<void> {
  const { spec } = await admin.get(Deployment, { namespace, name: "sample-chat" });
  const { template } = spec as { template: { metadata: object; spec: object } };
  const metadata = { ...template.metadata, name, namespace };
  await admin.create({ apiVersion: Pod.apiVersion, kind: Pod.kind, metadata, spec: template.spec });
  const conditions = [{ type: "Ready", status: "True" }];
  const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }], conditions };
  await admin.mergePatch(Pod, { namespace, name }, { status }, "status");
}

async function replicas(namespace: string): Promise<number | undefined> {
  const { items } = await admin.list(Deployment, { namespace, labelSelector: "app.kubernetes.io/component=chat" });
  return (items[0]?.spec as { replicas: number } | undefined)?.replicas;
}

test("an operator that dies after any step of a scale-down leaves a drain that the next one takes up, of the same server", async () => {
  await using servers = await playServers();
  const scaling = { min: 1, max: 3, connectionsPerServer: 100, stabilizationSeconds: 1, drainSeconds: 30 };
  const addresses = new Map<string, string>();
  const interrupted: string[] = [];
  let survived = false;
  for (let step = 1; !survived; step++) {
    const namespace = await restrictedNamespace(admin, `scale-down-${step}`);
    addresses.set(namespace, `127.77.${step}`);
    await admin.create(chatCluster("sample", { servers: { ...scaling, replicas: 2 } }, namespace));
    {
      await using _first = await startOperatorProgram(server.kubeconfigFile, {
        OPERATOR_LEADER_ELECTION: "false",
        OPERATOR_WATCH_NAMESPACE: namespace,
      });
      await until(async () => (await replicas(namespace)) === 2, "two servers");
      await runPod(namespace, "one", `127.77.${step}.1`);
      await runPod(namespace, "two", `127.77.${step}.2`);
      const counts = { replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2, observedGeneration: 1 };
      await admin.mergePatch(Deployment, { namespace, name: "sample-chat" }, { status: counts }, "status");
      await until(async () => {
        const { status } = await admin.get(CHAT_CLUSTER, { namespace, name: "sample" });
        return (status as ChatClusterStatus | undefined)?.connections === 43;
      }, "the connections to be counted");
    }
    await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { servers: { replicas: null } } });
    survived = !(await runUntilCrash(namespace, step));
    if (!survived) interrupted.push(namespace);
  }
  assert.ok(
    interrupted.length >= 4,
    `only ${interrupted.length} steps: a mark, a drain, a number and a status are made`,
  );
  await using _next = await nextOperator();
  for (const namespace of interrupted) {
    await until(async () => (await replicas(namespace)) === 1, `${namespace} to be scaled down`);
    const { metadata } = await admin.get(Pod, { namespace, name: "two" });
    assert.equal(metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"], "-1000000", namespace);
    const kept = await admin.get(Pod, { namespace, name: "one" });
    assert.equal(kept.metadata.annotations?.["chatcluster.dev/drain-started-at"], undefined, namespace);
    assert.ok(servers.drains.includes(`${addresses.get(namespace)}.2`), namespace);
    assert.ok(!servers.drains.includes(`${addresses.get(namespace)}.1`), namespace);
  }
});

/** Rings of three nodes, each node at an address of its own on this machine: 127.78.RING.NODE. */
async function playRings() {
  const modes = new Map<string, "NORMAL" | "LEAVING" | "LEFT">();
  const asked: string[] = [];
  const http = createServer((request, response) => {
    const [, , ring = "", node = ""] = (request.socket.localAddress ?? "").split(".");
    const last = modes.get(ring) ?? "NORMAL";
    if (request.method === "POST") {
      asked.push(`${ring}.${node}`);
      modes.set(ring, "LEAVING");
      response.writeHead(202).end(JSON.stringify({ mode: "LEAVING" }));
      return;
    }
    const members = ["1", "2", "3"].filter((each) => each !== "3" || last !== "LEFT");
    const view: NodeView = {
      hostId: node,
      mode: node !== "3" || last === "NORMAL" ? "NORMAL" : last === "LEAVING" ? "LEAVING" : "DECOMMISSIONED",
      gossip: true,
      nativeTransport: true,
      ring: members.map((hostId) => ({ hostId, endpoint: `node-${hostId}:7000`, up: true, state: "normal" as const })),
      loadBytes: 1,
      disk: { totalBytes: 1e9, freeBytes: 1e9 },
    };
    // Its data has gone by the next look.
    if (node === "3" && last === "LEAVING") modes.set(ring, "LEFT");
    response.end(JSON.stringify(view));
  });
  http.listen(CASSANDRA_AGENT_PORT, "0.0.0.0");
  await once(http, "listening");
  return {
    asked,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

async function cassandraReplicas(namespace: string): Promise<number | undefined> {
  const { items } = await admin.list(StatefulSet, {
    namespace,
    labelSelector: "app.kubernetes.io/component=cassandra",
  });
  return (items[0]?.spec as { replicas: number } | undefined)?.replicas;
}

/** Three Cassandra pods that are ready, with their claims, and a StatefulSet that knows them. */
async function runRing(namespace: string, ring: number): Promise<void> {
  const { spec, metadata: set } = await admin.get(StatefulSet, { namespace, name: "sample-cassandra" });
  const { template } = spec as {
    template: { metadata: { labels: Record<string, string> }; spec: { volumes: object[] } };
  };
  for (const node of [1, 2, 3]) {
    const name = `sample-cassandra-${node - 1}`;
    await admin.create({
      apiVersion: PersistentVolumeClaim.apiVersion,
      kind: PersistentVolumeClaim.kind,
      metadata: { name: `data-${name}`, namespace, labels: template.metadata.labels },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
    });
    const volumes = [...template.spec.volumes, { name: "data", emptyDir: {} }];
    const metadata = { ...template.metadata, name, namespace };
    await admin.create({ apiVersion: Pod.apiVersion, kind: Pod.kind, metadata, spec: { ...template.spec, volumes } });
    const ip = `127.78.${ring}.${node}`;
    const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions: [{ type: "Ready", status: "True" }] };
    await admin.mergePatch(Pod, { namespace, name }, { status }, "status");
  }
  const counts = { replicas: 3, readyReplicas: 3, updatedReplicas: 3, observedGeneration: set.generation };
  await admin.mergePatch(StatefulSet, { namespace, name: set.name }, { status: counts }, "status");
}

test("an operator that dies after any step of a node's departure leaves what the next one takes to its end", async () => {
  await using rings = await playRings();
  const isGone = async (namespace: string) => (await cassandraReplicas(namespace)) === 2;
  const interrupted: string[] = [];
  let survived = false;
  for (let step = 1; !survived; step++) {
    const namespace = await restrictedNamespace(admin, `departure-${step}`);
    await admin.create(chatCluster("sample", { cassandra: { nodes: 3, replicationFactor: 1 } }, namespace));
    {
      await using _first = await startOperatorProgram(server.kubeconfigFile, {
        OPERATOR_LEADER_ELECTION: "false",
        OPERATOR_WATCH_NAMESPACE: namespace,
      });
      await until(async () => (await cassandraReplicas(namespace)) === 3, "three nodes");
      await runRing(namespace, step);
    }
    const spec = { cassandra: { nodes: 2 } };
    await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec });
    survived = !(await runUntilCrash(namespace, step, isGone));
    if (!survived) interrupted.push(namespace);
  }
  assert.ok(interrupted.length >= 4, `only ${interrupted.length} steps: a note, a decommission, a status, a number`);
  await using _next = await nextOperator();
  for (const namespace of interrupted) {
    await until(() => isGone(namespace), `${namespace} to be of two nodes`);
    const ring = namespace.split("-")[1];
    assert.deepEqual(
      new Set(rings.asked.filter((each) => each.startsWith(`${ring}.`))),
      new Set([`${ring}.3`]),
      namespace,
    );
  }
});
