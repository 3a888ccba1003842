import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition, type KubernetesObject } from "../runtime/index.ts";
import { sampleCluster } from "../testing/sample.ts";
import { chatClusterStatus } from "./chat-cluster-status.ts";
import type { Observation, WorkloadState } from "./observation.ts";

const clock = { now: () => new Date("2026-01-01T00:00:00Z") };

function workload(over: Partial<WorkloadState> = {}): WorkloadState {
  return {
    exists: true,
    desired: 1,
    ready: 1,
    current: 1,
    updated: 1,
    observed: true,
    stalled: false,
    podProblem: undefined,
    ...over,
  };
}

const two = { desired: 2, ready: 2, current: 2, updated: 2 };

function observe(over: Partial<Observation> = {}): Observation {
  return {
    cluster: sampleCluster(),
    chat: workload(two),
    redis: workload(),
    cassandra: workload(),
    ingress: workload(two),
    redisView: undefined,
    credentials: { ready: true },
    ring: { nodes: 1, replicationFactor: 1 },
    ringWork: undefined,
    passwords: { status: undefined },
    scaling: { reason: "AtTarget", message: "2 servers hold the connections" },
    draining: [],
    connections: 7,
    problems: [],
    failures: [],
    ...over,
  };
}

/** `status/reason` of each condition, by type. */
function conditions(observation: Observation): Record<string, string> {
  const { conditions: list = [] } = chatClusterStatus(observation, 2, clock);
  return Object.fromEntries(list.map(({ type, status, reason }) => [type, `${status}/${reason}`]));
}

test("all well: Ready, settled, not degraded, and every condition names the generation", () => {
  const status = chatClusterStatus(observe(), 2, clock);
  assert.deepEqual(conditions(observe()), {
    Ready: "True/AllComponentsReady",
    Progressing: "False/Settled",
    Degraded: "False/AsExpected",
    Paused: "False/NotPaused",
    CassandraReady: "True/AllReady",
    RedisReady: "True/AllReady",
    ServersReady: "True/AllReady",
    IngressReady: "True/AllReady",
    ScalingActive: "True/AtTarget",
  });
  assert.ok(status.conditions?.every(({ observedGeneration }) => observedGeneration === 1));
  assert.equal(status.connections, 7);
  assert.match(status.selector ?? "", /app\.kubernetes\.io\/component=chat/);
});

test("each component alone makes it not Ready, under its own name", () => {
  const down = workload({ ready: 0 });
  assert.equal(conditions(observe({ cassandra: down })).Ready, "False/CassandraNotReady");
  assert.equal(conditions(observe({ redis: down })).Ready, "False/RedisNotReady");
  assert.equal(conditions(observe({ ingress: down })).Ready, "False/IngressNotReady");
  assert.equal(conditions(observe({ chat: workload({ ...two, ready: 1 }) })).Ready, "False/ServersNotReady");
});

test("an ingress that is not the operator's holds nothing up", () => {
  const cluster = sampleCluster({ ingress: { mode: "None" } });
  const none = workload({ exists: false, desired: 0, ready: 0, current: 0, updated: 0, observed: false });
  const { Ready, Progressing, IngressReady } = conditions(observe({ cluster, ingress: none }));
  assert.deepEqual(
    { Ready, Progressing, IngressReady },
    {
      Ready: "True/AllComponentsReady",
      Progressing: "False/Settled",
      IngressReady: "True/NotManaged",
    },
  );
});

const noHaproxy = workload({ exists: false, desired: 0, ready: 0, current: 0, updated: 0, observed: false });

/** What IngressReady says of an object that somebody else serves. */
function wayInCondition(ingress: object, wayIn: KubernetesObject | undefined, over: Partial<Observation> = {}) {
  const observation = observe({ cluster: sampleCluster({ ingress }), ingress: noHaproxy, wayIn, ...over });
  const { conditions: list } = chatClusterStatus(observation, 2, clock);
  const { status, reason, message } = findCondition(list, "IngressReady") ?? assert.fail();
  return { said: `${status}/${reason}`, message, ready: conditions(observation).Ready };
}

test("an Ingress is as ready as its controller says: with an address", () => {
  const spec = { mode: "Ingress", ingress: {} };
  const ingress = (status?: object): KubernetesObject => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "sample-ingress" },
    ...(status && { status }),
  });
  assert.equal(wayInCondition(spec, undefined).said, "False/Starting");
  for (const status of [undefined, {}, { loadBalancer: {} }, { loadBalancer: { ingress: null } }]) {
    const { said, ready } = wayInCondition(spec, ingress(status));
    assert.deepEqual([said, ready], ["Unknown/AddressPending", "False/IngressNotReady"]);
  }
  const served = ingress({ loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "lb.example" }] } });
  const { said, message, ready } = wayInCondition(spec, served);
  assert.deepEqual([said, ready], ["True/AddressAssigned", "True/AllComponentsReady"]);
  assert.match(message, /192\.0\.2\.1, lb\.example/);
});

test("an HTTPRoute is ready when every Gateway of the spec accepts it as it is now, and finds the Service", () => {
  const parentRefs = [{ name: "public", namespace: "edge" }, { name: "private" }];
  const spec = { mode: "Gateway", gateway: { parentRefs } };
  const say = (type: string, status: string, reason: string, observedGeneration = 2) => ({
    type,
    status,
    reason,
    observedGeneration,
    message: "so it is",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  const accepted = [say("Accepted", "True", "Accepted"), say("ResolvedRefs", "True", "ResolvedRefs")];
  const own = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "private", namespace: "default" };
  const route = (atPublic: object[], atPrivate: object[]): KubernetesObject => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "sample-ingress", generation: 2 },
    status: {
      parents: [
        { parentRef: parentRefs[0], controllerName: "a.example/c", conditions: atPublic },
        { parentRef: own, controllerName: "b.example/c", conditions: atPrivate },
      ],
    },
  });
  const said = (atPublic: object[], atPrivate: object[]) => wayInCondition(spec, route(atPublic, atPrivate));
  assert.equal(wayInCondition(spec, undefined).said, "False/Starting");
  assert.equal(wayInCondition(spec, { ...route([], []), status: undefined }).said, "Unknown/AcceptancePending");
  assert.equal(said(accepted, accepted).said, "True/Accepted");
  assert.equal(said(accepted, []).said, "Unknown/AcceptancePending");
  assert.equal(said([say("Accepted", "True", "Accepted", 1)], accepted).said, "Unknown/AcceptancePending");
  const refused = said(accepted, [say("Accepted", "False", "NotAllowedByListeners")]);
  assert.equal(refused.said, "False/NotAccepted");
  assert.equal(refused.message, "Gateway default/private: NotAllowedByListeners: so it is");
  assert.equal(refused.ready, "False/IngressNotReady");
  const unresolved = [say("Accepted", "True", "Accepted"), say("ResolvedRefs", "False", "BackendNotFound")];
  assert.equal(said(unresolved, accepted).said, "False/RefsNotResolved");
});

test("what keeps the way in from being made is what IngressReady says", () => {
  const problem = { reason: "GatewayApiMissing", message: "no HTTPRoute" };
  const spec = { mode: "Gateway", gateway: { parentRefs: [{ name: "public" }] } };
  const { said, message } = wayInCondition(spec, undefined, { ingressProblem: problem, problems: [problem] });
  assert.deepEqual([said, message], ["False/GatewayApiMissing", "no HTTPRoute"]);
});

test("a server that is being added takes nothing from Ready", () => {
  const { Ready, Progressing } = conditions(
    observe({ chat: workload({ desired: 3, ready: 2, current: 3, updated: 3 }) }),
  );
  assert.equal(Ready, "True/AllComponentsReady");
  assert.equal(Progressing, "True/RollingOut");
});

test("Cassandra bears the loss of a node where a quorum of copies stays", () => {
  const cluster = sampleCluster({ cassandra: { nodes: 3, replicationFactor: 3 } });
  const nodes = (ready: number) => workload({ desired: 3, ready, current: 3, updated: 3 });
  const ring = { nodes: 3, replicationFactor: 3 };
  assert.equal(conditions(observe({ cluster, ring, cassandra: nodes(2) })).CassandraReady, "True/EnoughReady");
  assert.equal(conditions(observe({ cluster, ring, cassandra: nodes(1) })).CassandraReady, "False/NotEnoughReady");
});

test("a ring that grows or shrinks is Progressing to its end, and chat goes on", () => {
  const cluster = sampleCluster({ cassandra: { nodes: 3, replicationFactor: 3 } });
  const joining = workload({ desired: 3, ready: 1, current: 2, updated: 2 });
  const ring = { nodes: 1, replicationFactor: 1 };
  const grows = conditions(observe({ cluster, ring, cassandra: joining }));
  assert.deepEqual([grows.CassandraReady, grows.Progressing], ["True/EnoughReady", "True/RollingOut"]);
  const all = workload({ desired: 3, ready: 3, current: 3, updated: 3 });
  const copied = conditions(observe({ cluster, ring: { nodes: 3, replicationFactor: 2 }, cassandra: all }));
  assert.equal(copied.Progressing, "True/ChangingRing");
  // A node that leaves is not "normal", but serves until it has left.
  const leaving = workload({ desired: 3, ready: 2, current: 3, updated: 3 });
  const ringWork = { reason: "DecommissioningNode", message: "node 2 leaves" };
  const shrinks = conditions(
    observe({ cluster, ring: { nodes: 3, replicationFactor: 1 }, ringWork, cassandra: leaving }),
  );
  assert.deepEqual([shrinks.CassandraReady, shrinks.Progressing], ["True/EnoughReady", "True/DecommissioningNode"]);
});

test("a rotation of passwords is told until it is over, also while the chat servers are rolled for it, and takes nothing from Ready", () => {
  const last = { rotatedFor: "first", rotatedAt: "2026-01-01T00:00:00Z" };
  const work = { reason: "RotatingPasswords", message: "Passwords: the stores learn the next ones" };
  const rolling = observe({ passwords: { status: last, work }, chat: workload({ ...two, updated: 1 }) });
  const { Ready, Progressing } = conditions(rolling);
  assert.deepEqual([Ready, Progressing], ["True/AllComponentsReady", "True/RotatingPasswords"]);
  assert.deepEqual(chatClusterStatus(rolling, 2, clock).passwords, last);
  assert.equal(conditions(observe({ passwords: { status: last } })).Progressing, "False/Settled");
});

const three = { desired: 3, ready: 3, current: 3, updated: 3 };

/** Mode `sentinel`, with this master and these replicas that follow it. */
function replicated(master: string | undefined, linked: string[], over: Partial<Observation> = {}): Observation {
  return observe({
    cluster: sampleCluster({ redis: { mode: "sentinel" } }),
    redis: workload(three),
    sentinel: workload(three),
    redisView: { master, linked, astray: [], quorum: true, agreeing: 3 },
    ...over,
  });
}

test("Redis with replicas is ready when a master takes writes, whatever the pods say of themselves", () => {
  const redisReady = (observation: Observation) => conditions(observation).RedisReady;
  assert.equal(redisReady(replicated("a", ["b", "c"])), "True/AllReady");
  assert.equal(redisReady(replicated("a", ["b"])), "True/EnoughReady");
  assert.equal(redisReady(replicated("a", [])), "False/ReplicasNotLinked");
  assert.equal(redisReady(replicated(undefined, [])), "False/NoMaster");
  const pair = sampleCluster({ redis: { mode: "sentinel", replicas: 2 } });
  assert.equal(redisReady(replicated("a", [], { cluster: pair })), "True/EnoughReady");
  assert.equal(redisReady(replicated(undefined, [], { redis: workload({ ...three, ready: 0 }) })), "False/Starting");
  const podProblem = { reason: "Unschedulable", message: "no node fits" };
  const stuck = workload({ ...three, ready: 0, podProblem });
  assert.equal(redisReady(replicated(undefined, [], { sentinel: stuck })), "False/Unschedulable");
});

test("the status names Redis' master, between two of them the last one", () => {
  const status = chatClusterStatus(replicated("a", ["b", "c"]), 2, clock);
  assert.equal(status.redisMaster, "a");
  const cluster = { ...sampleCluster({ redis: { mode: "sentinel" } }), status };
  assert.equal(chatClusterStatus(replicated(undefined, [], { cluster }), 2, clock).redisMaster, "a");
  assert.equal(chatClusterStatus(observe(), 2, clock).redisMaster, undefined);
});

test("a Redis of the user is ready as far as the operator knows, and nothing waits for it", () => {
  const external = { mode: "external", external: { url: "redis://cache.example:6379" } };
  const { redis: _, ...rest } = observe({ cluster: sampleCluster({ redis: external }) });
  const seen = conditions(rest);
  assert.equal(seen.RedisReady, "True/External");
  assert.equal(seen.Ready, "True/AllComponentsReady");
  assert.equal(seen.Progressing, "False/Settled");
});

test("sentinels that are on their way are progress", () => {
  const seen = conditions(replicated("a", ["b", "c"], { sentinel: workload({ ...three, updated: 2 }) }));
  assert.equal(seen.Progressing, "True/RollingOut");
});

test("a node that answers is not ready before its roles are made", () => {
  assert.equal(conditions(observe({ credentials: { ready: false } })).CassandraReady, "False/CredentialsPending");
  const problem = { reason: "CredentialsNotApplied", message: "refused" };
  const failed = conditions(observe({ credentials: { ready: false, problem } }));
  assert.equal(failed.CassandraReady, "False/CredentialsNotApplied");
  assert.equal(failed.Degraded, "True/CredentialsNotApplied");
});

test("what keeps a pod from running is the reason, here and in Degraded", () => {
  const podProblem = { reason: "ImagePullBackOff", message: "pod x, container chat: no such image" };
  const seen = conditions(observe({ chat: workload({ ...two, ready: 0, podProblem }) }));
  assert.equal(seen.ServersReady, "False/ImagePullBackOff");
  assert.equal(seen.Degraded, "True/ImagePullBackOff");
});

test("a roll that does not come on is Degraded while chat goes on", () => {
  const seen = conditions(observe({ chat: workload({ ...two, updated: 1, stalled: true }) }));
  assert.equal(seen.Ready, "True/AllComponentsReady");
  assert.equal(seen.Degraded, "True/RolloutStalled");
});

test("counts that are missing, or a fixed number, switch scaling off; unread connections keep their last number", () => {
  for (const reason of ["CountsMissing", "FixedReplicas"])
    assert.equal(conditions(observe({ scaling: { reason, message: "" } })).ScalingActive, `False/${reason}`);
  const cluster = { ...sampleCluster(), status: { connections: 42 } };
  assert.equal(chatClusterStatus(observe({ cluster, connections: undefined }), 2, clock).connections, 42);
});

test("the same state gives an equal status, also later: nothing is to be written", () => {
  const first = chatClusterStatus(observe(), 2, clock);
  const later = { now: () => new Date("2026-01-02T00:00:00Z") };
  const again = chatClusterStatus(observe({ cluster: { ...sampleCluster(), status: first } }), 2, later);
  assert.deepEqual(again, first);
  const changed = chatClusterStatus(
    observe({ cluster: { ...sampleCluster(), status: first }, redis: workload({ ready: 0 }) }),
    2,
    later,
  );
  const time = (type: string) =>
    findCondition(changed.conditions as Parameters<typeof findCondition>[0], type)?.lastTransitionTime;
  assert.equal(time("Ready"), "2026-01-02T00:00:00Z");
  assert.equal(time("CassandraReady"), "2026-01-01T00:00:00Z");
});
