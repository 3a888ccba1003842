import assert from "node:assert/strict";
import { test } from "node:test";
import { mergePatchOf } from "./merge-patch.ts";

test("fields that are gone are taken out at every depth, and lists are replaced", () => {
  const before = { nodes: 2, cleanup: [0, 1], snapshots: { names: ["a"], running: "b" }, old: { a: 1 } };
  const after = { nodes: 2, snapshots: { names: ["a", "b"] }, restored: { at: "now" } };
  assert.deepEqual(mergePatchOf(before, after), {
    cleanup: null,
    old: null,
    nodes: 2,
    snapshots: { running: null, names: ["a", "b"] },
    restored: { at: "now" },
  });
  assert.deepEqual(mergePatchOf(undefined, after), after);
  assert.deepEqual(mergePatchOf({ a: [1] }, { a: { b: 1 }, c: undefined }), { a: { b: 1 }, c: undefined });
});
