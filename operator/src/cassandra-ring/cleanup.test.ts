import assert from "node:assert/strict";
import { test } from "node:test";
import { nodesToCleanUp } from "./cleanup.ts";

const ring = (count: number) => Array.from({ length: count }, (_, ordinal) => `host-${ordinal}`);

test("a ring that is new, or as it was, has nothing to clean up", () => {
  assert.deepEqual(nodesToCleanUp({ before: undefined, nodes: 3, hostIds: ring(3), copies: 3 }), []);
  const before = { nodes: 3, hostIds: ring(3), replicationFactor: 3 };
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: 3 }), []);
});

test("after growth all nodes but the last that joined are cleaned up", () => {
  const before = { nodes: 1, hostIds: ring(1), replicationFactor: 1 };
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: 1 }), [0, 1]);
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(1), copies: 1 }), [], "not while they join");
});

test("a node that replaces another has its ranges and no more: nobody else hands anything over", () => {
  const before = { nodes: 3, hostIds: ring(3), replicationFactor: 2 };
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ["host-0", "new", "host-2"], copies: 2 }), []);
});

test("with fewer copies every node has some too many; with more none", () => {
  const before = { nodes: 3, hostIds: ring(3), replicationFactor: 2 };
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: 1 }), [0, 1, 2]);
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: 3 }), []);
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: undefined }), []);
});

test("what is left to do stays, of nodes that there still are", () => {
  const before = { nodes: 3, hostIds: ring(3), replicationFactor: 1, cleanup: [1, 2] };
  assert.deepEqual(nodesToCleanUp({ before, nodes: 3, hostIds: ring(3), copies: 1 }), [1, 2]);
  assert.deepEqual(nodesToCleanUp({ before, nodes: 2, hostIds: ring(2), copies: 1 }), [1]);
  assert.deepEqual(nodesToCleanUp({ before, nodes: 4, hostIds: ring(4), copies: 1 }), [0, 1, 2]);
});
