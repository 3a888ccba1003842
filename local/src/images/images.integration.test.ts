import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runCommand } from "../tools/command.ts";
import { type ImageName, imageNames } from "./index.ts";
import { recipes } from "./recipes.ts";

// Each image's files, unpacked in the order of its layers as a container runtime does, and run as the image's user.
const roots = new Map<ImageName, string>();
let directory = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "chatcluster-images-"));
  for (const name of imageNames) {
    const root = join(directory, name);
    await mkdir(root, { mode: 0o755 });
    for (const { file } of await recipes[name].layers(() => undefined))
      await runCommand("tar", [
        "--extract",
        "--file",
        file,
        "--directory",
        root,
        "--numeric-owner",
        "--same-permissions",
      ]);
    roots.set(name, root);
  }
});
after(() => rm(directory, { recursive: true }));

/** In a mount and process namespace of its own: the JVM finds its libraries through /proc. */
function run(name: ImageName, ...command: string[]): Promise<string> {
  const { User, Env } = recipes[name].config;
  const [user = "", group = ""] = User.split(":");
  const namespace = [
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    `--root=${roots.get(name)}`,
    "--wd=/",
    "--mount-proc",
  ];
  const identity = [`--setgid=${group}`, `--setuid=${user}`];
  return runCommand("unshare", [...namespace, ...identity, "env", "--ignore-environment", ...Env, ...command]);
}

test("Redis and HAProxy find all their libraries, and own their writable folders", async () => {
  assert.match(await run("redis", "redis-server", "--version"), /v=7\.0/);
  assert.match(await run("redis", "redis-cli", "--version"), /redis-cli 7\.0/);
  assert.equal(await run("redis", "sh", "-c", "id -un && touch /data/x"), "redis");
  assert.match(await run("haproxy", "haproxy", "-v"), /version 2\.6/);
  assert.equal(await run("haproxy", "sh", "-c", "id -un && touch /var/run/haproxy/x"), "haproxy");
});

test("Cassandra's class path and Java options are complete", async () => {
  assert.match(await run("cassandra", "nodetool", "help"), /nodetool/);
  assert.equal(
    await run("cassandra", "sh", "-c", "id -un && touch /var/lib/cassandra/x /var/log/cassandra/x"),
    "cassandra",
  );
  await assert.rejects(
    run("cassandra", "env", "CASSANDRA_CONF=/nowhere", "cassandra", "-f"),
    /CASSANDRA_CONF=\/nowhere/,
  );
  await assert.rejects(run("cassandra", "env", "MAX_HEAP_SIZE=nonsense", "cassandra", "-f"), /-Xmsnonsense/);
});

test("the bundled programs start, and say what their configuration lacks", async () => {
  assert.match(await run("chat-server", "node", "--version"), /^v24\./);
  const noServer = run("chat-server", "env", "CHAT_PORT=none", "node", "/app/chat-server.mjs");
  await assert.rejects(noServer, /CHAT_PORT/);
  const noOperator = run("operator", "env", "OPERATOR_HEALTH_PORT=none", "node", "/app/operator.mjs");
  await assert.rejects(noOperator, /OPERATOR_HEALTH_PORT/);
  await assert.rejects(run("operator", "node", "/app/ingress-agent.mjs"), /AGENT_SERVICE is required/);
  await assert.rejects(run("operator", "node", "/app/cassandra-agent.mjs"), /AGENT_TOKEN is required/);
  await assert.rejects(run("operator", "node", "/app/cassandra-prepare.mjs"), /PREPARE_POD_NAME is required/);
  await assert.rejects(run("operator", "node", "/app/snapshot-store.mjs"), /STORE_TOKEN is required/);
  await run("operator", "test", "-r", "/app/jolokia.jar");
  assert.match(await run("chat-server", "ls", "/app/scripts"), /\.lua$/m);
});

test("no image has a program that gains its owner's rights", async () => {
  for (const [name, root] of roots)
    assert.equal(await runCommand("find", [root, "-xdev", "-perm", "/6000", "-type", "f"]), "", name);
});
