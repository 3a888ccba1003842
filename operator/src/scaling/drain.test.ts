import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DELETION_COST_ANNOTATION,
  DRAIN_STARTED_ANNOTATION,
  type DrainInput,
  nextDrainStep,
  type ServerPod,
} from "./drain.ts";

const now = Date.UTC(2026, 0, 1);

function pod(name: string, connections: number | undefined, change: Partial<ServerPod> = {}): ServerPod {
  return {
    name,
    running: true,
    ready: true,
    terminating: false,
    createdAt: 0,
    ...(connections === undefined ? {} : { status: { connections, draining: false, drained: false } }),
    ...change,
  };
}

const leaving = (connections: number, secondsAgo = 5): ServerPod =>
  pod("b", connections, {
    ready: false,
    drainStartedAt: now - secondsAgo * 1000,
    status: { connections, draining: true, drained: connections === 0 },
  });

const input = (change: Partial<DrainInput>): DrainInput => ({
  pods: [pod("a", 10), pod("b", 2), pod("c", 30)],
  desired: 2,
  replicas: 3,
  drainSeconds: 30,
  now,
  ...change,
});

test("right as it is: nothing to do", () => {
  assert.deepEqual(nextDrainStep(input({ desired: 3 })), { type: "none" });
});

test("more servers: the number is raised at once", () => {
  const step = nextDrainStep(input({ desired: 7 }));
  assert.equal(step.type, "scale");
  assert.equal(step.type === "scale" && step.replicas, 7);
});

test("fewer: the emptiest is marked first, with its deletion cost", () => {
  const step = nextDrainStep(input({}));
  assert.ok(step.type === "mark");
  assert.equal(step.pod, "b");
  assert.equal(step.annotations[DRAIN_STARTED_ANNOTATION], new Date(now).toISOString());
  assert.ok(Number(step.annotations[DELETION_COST_ANNOTATION]) < 0);
});

test("marked: it is asked to drain, with the time that is left", () => {
  const marked = pod("b", 2, { drainStartedAt: now - 10_000 });
  assert.deepEqual(nextDrainStep(input({ pods: [pod("a", 10), marked, pod("c", 30)] })), {
    type: "request-drain",
    pod: "b",
    seconds: 20,
  });
});

test("draining: wait while clients are on it", () => {
  const step = nextDrainStep(input({ pods: [pod("a", 10), leaving(1), pod("c", 30)] }));
  assert.ok(step.type === "wait");
  assert.equal(step.pod, "b");
});

test("drained: only now the number is lowered", () => {
  const step = nextDrainStep(input({ pods: [pod("a", 10), leaving(0), pod("c", 30)] }));
  assert.ok(step.type === "scale");
  assert.equal(step.replicas, 2);
});

test("lowered but not yet deleted: the drained pod is waited for, not brought back", () => {
  const step = nextDrainStep(input({ replicas: 2, pods: [pod("a", 10), leaving(0), pod("c", 30)] }));
  assert.equal(step.type, "wait");
  const gone = nextDrainStep(
    input({ replicas: 2, pods: [pod("a", 10), { ...leaving(0), terminating: true }, pod("c", 30)] }),
  );
  assert.deepEqual(gone, { type: "none" });
});

test("a server that never answers is not waited for beyond its time", () => {
  const mute = (secondsAgo: number) => pod("b", undefined, { ready: false, drainStartedAt: now - secondsAgo * 1000 });
  assert.equal(nextDrainStep(input({ pods: [pod("a", 1), mute(20), pod("c", 1)] })).type, "request-drain");
  assert.equal(nextDrainStep(input({ pods: [pod("a", 1), mute(45), pod("c", 1)] })).type, "scale");
});

test("more are needed while one drains: the number is raised by those, and the drain goes on", () => {
  const step = nextDrainStep(input({ desired: 4, pods: [pod("a", 10), leaving(1), pod("c", 30)] }));
  assert.ok(step.type === "scale");
  assert.equal(step.replicas, 5);
});

test("a second drain does not begin before the first has ended", () => {
  const pods = [pod("a", 10), leaving(1), pod("c", 30), pod("d", 0)];
  assert.equal(nextDrainStep(input({ desired: 2, replicas: 4, pods })).type, "wait");
});

test("one that was told to drain by hand is taken over", () => {
  const byHand = pod("b", 1, { ready: false, status: { connections: 1, draining: true, drained: false } });
  const step = nextDrainStep(input({ desired: 2, pods: [pod("a", 10), byHand, pod("c", 30)] }));
  assert.ok(step.type === "mark");
  assert.equal(step.pod, "b");
});

test("what has not started needs no drain: the ReplicaSet takes it first", () => {
  const pending = pod("d", undefined, { running: false, ready: false });
  const step = nextDrainStep(input({ desired: 3, replicas: 4, pods: [...input({}).pods, pending] }));
  assert.ok(step.type === "scale");
  assert.equal(step.replicas, 3);
});

test("where lowering the number would take another pod, the drained one is deleted instead", () => {
  const pending = pod("d", undefined, { running: false, ready: false });
  const step = nextDrainStep(
    input({ desired: 3, replicas: 4, pods: [pod("a", 10), leaving(0), pod("c", 30), pending] }),
  );
  assert.ok(step.type === "delete");
  assert.equal(step.pod, "b");
});

test("victims: a dead one, then the emptiest, then the youngest; a mute but ready one last", () => {
  const victim = (...pods: ServerPod[]) => {
    const step = nextDrainStep(input({ desired: pods.length - 1, replicas: pods.length, pods }));
    return step.type === "mark" ? step.pod : step.type;
  };
  assert.equal(victim(pod("a", 0), pod("b", undefined, { ready: false })), "b");
  assert.equal(victim(pod("a", undefined), pod("b", 500)), "b");
  assert.equal(victim(pod("a", 3, { createdAt: 5 }), pod("b", 3, { createdAt: 9 })), "b");
  assert.equal(victim(pod("b", 3), pod("a", 3)), "a");
});
