import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "./command.ts";
import { type ToolName, tool } from "./index.ts";

const versions: [ToolName, string[], RegExp][] = [
  ["kube-apiserver", ["--version"], /Kubernetes v1\.36\.3/],
  ["etcd", ["--version"], /etcd Version: 3\.4/],
  ["redis-server", ["--version"], /v=7\.0/],
  ["haproxy", ["-v"], /version 2\.6/],
  ["kubectl", ["version", "--client"], /v1\.37\.1/],
  ["k6", ["version"], /k6 v1\.1\.0/],
];

for (const [name, args, expected] of versions) {
  test(`${name} is got and runs`, async () => {
    const path = await tool(name);
    assert.match(path, /^\//);
    assert.match(await runCommand(path, args), expected);
  });
}

test("a command that fails shows what it said", async () => {
  await assert.rejects(runCommand("sh", ["-c", "echo gone wrong >&2; exit 3"]), /ended with 3:\ngone wrong/);
});
