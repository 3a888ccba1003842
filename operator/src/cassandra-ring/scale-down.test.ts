import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView } from "../cassandra-agent/node-view.ts";
import { nextCopies } from "./replication-step.ts";
import { type AskedNode, nextScaleDownStep, type ScaleDownInput } from "./scale-down.ts";

const ALL = ["a", "b", "c"];

function node(hostId: string, over: Partial<NodeView> = {}, ring = ALL): AskedNode {
  const members = ring.map((each) => ({ hostId: each, endpoint: `${each}:7000`, up: true, state: "normal" as const }));
  const disk = { totalBytes: 1000, freeBytes: 500 };
  const base = { hostId, mode: "NORMAL", gossip: true, nativeTransport: true, ring: members, loadBytes: 100, disk };
  return { pod: `pod-${hostId}`, view: { ...base, ...over } };
}

function step(over: Partial<ScaleDownInput> = {}) {
  return nextScaleDownStep({
    leaving: node("c"),
    others: [node("a"), node("b")],
    notedHostId: undefined,
    wanted: true,
    ...over,
  });
}

test("who leaves is noted, then asked, waited for, and taken away when no other node knows it any more", () => {
  assert.deepEqual(step(), { type: "note", hostId: "c" });
  assert.deepEqual(step({ notedHostId: "c" }), { type: "decommission" });
  assert.equal(step({ notedHostId: "c", leaving: node("c", { mode: "LEAVING" }) }).type, "wait");
  const left = node("c", { mode: "DECOMMISSIONED" });
  assert.match(JSON.stringify(step({ notedHostId: "c", leaving: left })), /pod-a, pod-b/);
  const without = [node("a", {}, ["a", "b"]), node("b", {}, ["a", "b"])];
  assert.deepEqual(step({ notedHostId: "c", leaving: left, others: without }), { type: "remove" });
  // Its process may be gone, or refuse to start, by then.
  const silent = { pod: "pod-c", view: undefined };
  assert.deepEqual(step({ notedHostId: "c", leaving: silent, others: without }), { type: "remove" });
});

test("nothing is taken away while one node still knows it, or cannot be asked", () => {
  const left = node("c", { mode: "DECOMMISSIONED" });
  assert.equal(step({ notedHostId: "c", leaving: left, others: [node("a", {}, ["a", "b"]), node("b")] }).type, "wait");
  const silent = { pod: "pod-b", view: undefined };
  assert.equal(step({ notedHostId: "c", leaving: left, others: [node("a", {}, ["a", "b"]), silent] }).type, "wait");
  assert.equal(step({ notedHostId: "c", leaving: left, others: [] }).type, "wait");
});

test("it does not begin while a node is away, leaves, or cannot be asked", () => {
  const ring = (over: object) =>
    node("c").view?.ring.map((each) => (each.hostId === "b" ? { ...each, ...over } : each));
  for (const over of [{ up: false }, { state: "joining" as const }])
    assert.match(
      JSON.stringify(step({ leaving: node("c", { ring: ring(over) ?? [] }) })),
      /b:7000 must be up and normal/,
    );
  assert.equal(step({ others: [node("a"), { pod: "pod-b", view: undefined }] }).type, "wait");
});

test("it does not begin where a node has no room for its share", () => {
  const others = [node("a"), node("b", { disk: { totalBytes: 1000, freeBytes: 99 } })];
  const refused = step({ others });
  assert.equal(refused.type, "refuse");
  assert.match(JSON.stringify(refused), /NotEnoughRoom.*pod-b/);
  assert.equal(step({ others: [node("a"), node("b", { disk: { totalBytes: 1000, freeBytes: 100 } })] }).type, "note");
});

test("a decommission that failed is asked for again, and its reason told", () => {
  const failed = node("c", { mode: "DECOMMISSION_FAILED", decommissionError: "a stream broke" });
  assert.deepEqual(step({ notedHostId: "c", leaving: failed }), { type: "decommission", failure: "a stream broke" });
});

test("a node that is wanted after all stays if it has not begun to leave, and else goes to its end", () => {
  assert.deepEqual(step({ wanted: false }), { type: "none" });
  assert.deepEqual(step({ wanted: false, notedHostId: "c" }), { type: "forget" });
  assert.equal(step({ wanted: false, notedHostId: "c", leaving: node("c", { mode: "LEAVING" }) }).type, "wait");
});

test("the number of copies changes by one at a time", () => {
  assert.deepEqual([nextCopies(1, 3), nextCopies(2, 3), nextCopies(3, 1), nextCopies(3, 3)], [2, 3, 2, 3]);
  // What makes it safe: a quorum of reads meets every quorum of writes, before and after the step, whichever way.
  const quorum = (copies: number) => Math.floor(copies / 2) + 1;
  for (let copies = 1; copies < 10; copies++) {
    assert.ok(quorum(copies) + quorum(copies + 1) > copies + 1, `up from ${copies}`);
    assert.ok(quorum(copies + 1) - 1 + quorum(copies) > copies, `down to ${copies}`);
  }
});
