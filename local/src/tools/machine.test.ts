import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, missingOnMachine, requireMachine } from "./machine.ts";

test("versions are compared by their numbers, not as text", () => {
  assert.ok(compareVersions("1.26.8", "1.26.10") < 0);
  assert.ok(compareVersions("1.9", "1.26.0") < 0);
  assert.ok(compareVersions("2.0", "1.26.8") > 0);
  assert.equal(compareVersions("1.26", "1.26.0"), 0);
  assert.equal(compareVersions("1.27rc1", "1.27.0"), 0);
});

test("too little disk and memory are named, with what there is", async () => {
  const missing = await missingOnMachine({ disk: 2 ** 60, memory: 2 ** 60, go: false });
  assert.match(missing.join("\n"), /GiB of free disk at \/.*: there are \d+\.\d GiB/);
  assert.match(missing.join("\n"), /GiB of memory: there are \d+\.\d GiB/);
});

test("a machine without Go is told so before anything is compiled", async (t) => {
  const path = process.env.PATH;
  process.env.PATH = "/nonexistent";
  t.after(() => {
    process.env.PATH = path;
  });
  await assert.rejects(requireMachine({ disk: 0, memory: 0, go: true }), /Go 1\.\d+\.\d+ or newer: cannot start go/);
});
