import assert from "node:assert/strict";
import { test } from "node:test";
import { podProblem } from "./pod-problem.ts";

const pod = (status: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "sample-chat-x" }, status });

test("a pod that no node fits is told in the scheduler's words", () => {
  const condition = {
    type: "PodScheduled",
    status: "False",
    reason: "Unschedulable",
    message: "0/1 nodes: Insufficient cpu",
  };
  assert.deepEqual(podProblem([pod({ conditions: [condition] })]), {
    reason: "Unschedulable",
    message: "pod sample-chat-x: 0/1 nodes: Insufficient cpu",
  });
});

test("a crash loop is told by how the container ended, without times that change", () => {
  const container = {
    name: "chat",
    restartCount: 7,
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 2m40s restarting" } },
    lastState: { terminated: { reason: "Error", exitCode: 78 } },
  };
  assert.deepEqual(podProblem([pod({ containerStatuses: [container] })]), {
    reason: "CrashLoopBackOff",
    message: "pod sample-chat-x, container chat: ended with Error (exit code 78)",
  });
});

test("a container that is only being made is no problem", () => {
  const container = { name: "chat", state: { waiting: { reason: "ContainerCreating" } } };
  assert.equal(podProblem([pod({ containerStatuses: [container] }), pod({})]), undefined);
});
