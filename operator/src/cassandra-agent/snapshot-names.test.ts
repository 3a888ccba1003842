import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOfSnapshot, FILE_NAME, NODE_NAME, SNAPSHOT_NAME, snapshotName, TABLE_NAME } from "./snapshot-names.ts";

const is = (pattern: string, text: string) => new RegExp(`^${pattern}$`).test(text);

test("a snapshot is named by its ChatCluster and its time, and both are found again", () => {
  const name = snapshotName("my-chat.eu", new Date("2026-03-04T05:06:07.890Z"));
  assert.equal(name, "my-chat.eu-20260304-050607");
  assert.ok(is(SNAPSHOT_NAME, name));
  assert.equal(clusterOfSnapshot(name), "my-chat.eu");
  assert.equal(clusterOfSnapshot("lost+found"), undefined);
});

test("no name leads out of its folder", () => {
  for (const pattern of [SNAPSHOT_NAME, NODE_NAME, TABLE_NAME, FILE_NAME])
    for (const text of ["", ".", "..", "../a", "a/b", "a\\b", "a\0", ".hidden", "a\n"])
      assert.equal(is(pattern, text), false, `${pattern} takes ${JSON.stringify(text)}`);
  for (const name of ["nb-1-big-Data.db", "nb-3g5a_0lp1_2xyz-big-TOC.txt", "da-1-bti-Partitions.db", "schema.cql"])
    assert.ok(is(FILE_NAME, name), name);
});
