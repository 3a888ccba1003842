import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView } from "./node-view.ts";
import { replacementOf } from "./replacement.ts";

function view(...ring: { hostId: string; up: boolean }[]): NodeView {
  return {
    hostId: "other",
    mode: "NORMAL",
    gossip: true,
    nativeTransport: true,
    ring: ring.map((each) => ({ ...each, endpoint: `10.0.0.${each.hostId}:7000`, state: "normal" as const })),
    loadBytes: 1,
    disk: { totalBytes: 2, freeBytes: 1 },
  };
}

const lost = { hostId: "7", isEmpty: true };
const dead = view({ hostId: "7", up: false }, { hostId: "8", up: true });

test("a pod with an empty volume takes the place of the node that it was, which the others see down", () => {
  assert.deepEqual(replacementOf({ ...lost, views: [dead, dead] }), { type: "replace", address: "10.0.0.7" });
});

test("it never takes the place of another, dead or not", () => {
  const others = view({ hostId: "8", up: false }, { hostId: "9", up: false });
  assert.deepEqual(replacementOf({ ...lost, views: [others] }), { type: "none" });
  assert.deepEqual(replacementOf({ ...lost, hostId: undefined, views: [dead] }), { type: "none" });
});

test("a pod that has its volume starts with it, whatever the others see and whether they answer", () => {
  assert.deepEqual(replacementOf({ ...lost, isEmpty: false, views: [dead] }), { type: "none" });
  assert.deepEqual(replacementOf({ ...lost, isEmpty: false, views: [] }), { type: "none" });
});

test("it waits while nobody can tell, or while one sees the node up that it was", () => {
  assert.equal(replacementOf({ ...lost, views: [] }).type, "wait");
  assert.equal(replacementOf({ ...lost, views: [dead, view({ hostId: "7", up: true })] }).type, "wait");
});
