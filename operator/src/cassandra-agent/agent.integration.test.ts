import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cassandra, startCassandra } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import { quietLogger } from "../runtime/testing/api.ts";
import { AgentApi } from "./api-server.ts";
import { type AgentAddress, httpCassandraAgentClient as client } from "./client.ts";
import { Jolokia } from "./jolokia.ts";
import { NodeOperations } from "./node-operations.ts";
import { jolokiaPolicy, STORAGE_SERVICE } from "./policy.ts";
import { notUpAndNormal } from "./readiness.ts";

/** All of 127.0.0.0/8 is this machine; nobody else has this one. */
const JOLOKIA = { host: "127.0.84.6", port: 8778 };
const TOKEN = "a token of some length";

let folder: string;
let cassandra: Cassandra;
let api: AgentApi;
let agent: AgentAddress;
let operations: NodeOperations;
const stop = new AbortController();
const signal = AbortSignal.timeout(300_000);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "chatcluster-agent-"));
  await writeFile(join(folder, "policy.xml"), jolokiaPolicy());
  const jars = await tool("jolokia-jars");
  const [jar = ""] = await readdir(jars);
  const settings = `port=${JOLOKIA.port},host=${JOLOKIA.host},discoveryEnabled=false,policyLocation=file://${folder}/policy.xml`;
  cassandra = await startCassandra({ javaOptions: [`-javaagent:${join(jars, jar)}=${settings}`] });
  const jolokia = new Jolokia(`http://${JOLOKIA.host}:${JOLOKIA.port}/jolokia/`);
  operations = new NodeOperations({ jolokia, dataDirectory: folder, logger: quietLogger, signal: stop.signal });
  api = new AgentApi({
    host: "127.0.0.1",
    port: 0,
    token: TOKEN,
    operations,
    readiness: async (within) => notUpAndNormal(await operations.view(within), []),
  });
  agent = { pod: "a-cassandra-0", ip: "127.0.0.1", port: await api.listen() };
});
after(async () => {
  stop.abort();
  await api.close();
  await cassandra.stop();
  await rm(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`http://127.0.0.1:${agent.port}${path}`, { headers, method });

test("a real node tells that it is up and normal, and how much it holds", async () => {
  const view = await client.node(agent, TOKEN, signal);
  assert.equal(view.mode, "NORMAL");
  assert.deepEqual(
    view.ring.map(({ hostId, up, state }) => ({ hostId, up, state })),
    [{ hostId: view.hostId, up: true, state: "normal" }],
  );
  assert.ok(view.loadBytes > 0 && view.disk.freeBytes > 0 && view.disk.totalBytes > view.disk.freeBytes);
  assert.equal((await get("/readyz")).status, 200);
});

test("without the token nothing but the probes is answered", async () => {
  for (const [path, method] of [
    ["/node", "GET"],
    ["/repairs/1", "GET"],
    ["/cleanups/1", "GET"],
    ["/cleanups", "POST"],
    ["/decommission", "POST"],
    ["/repairs?keyspace=chat", "POST"],
  ] as const) {
    assert.equal((await get(path, {}, method)).status, 401, path);
    assert.equal((await get(path, { authorization: "Bearer another token" }, method)).status, 401, path);
  }
  await assert.rejects(client.node(agent, "another token", signal), { code: "cassandra_agent_refused" });
  assert.equal((await get("/healthz")).status, 200);
});

test("Jolokia does what its policy allows, and nothing else", async () => {
  const ask = async (body: object) => {
    const url = `http://${JOLOKIA.host}:${JOLOKIA.port}/jolokia/`;
    const reply = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    return ((await reply.json()) as { status: number }).status;
  };
  assert.equal(await ask({ type: "read", mbean: STORAGE_SERVICE, attribute: "OperationMode" }), 200);
  for (const body of [
    { type: "read", mbean: STORAGE_SERVICE, attribute: "ClusterName" },
    { type: "read", mbean: "java.lang:type=Runtime", attribute: "SystemProperties" },
    { type: "exec", mbean: STORAGE_SERVICE, operation: "drain()" },
    { type: "exec", mbean: STORAGE_SERVICE, operation: "stopDaemon()" },
    { type: "exec", mbean: "com.sun.management:type=DiagnosticCommand", operation: "vmSystemProperties" },
    { type: "write", mbean: STORAGE_SERVICE, attribute: "TraceProbability", value: 1 },
    { type: "list" },
    { type: "search", mbean: "*:*" },
  ])
    assert.equal(await ask(body), 403, JSON.stringify(body));
});

test("what Cassandra refuses comes back in its own words", async () => {
  await assert.rejects(client.decommission(agent, TOKEN, signal), {
    code: "cassandra_agent_refused",
    message: /no other normal nodes in the ring/,
  });
  const { decommissionError, mode } = await client.node(agent, TOKEN, signal);
  assert.match(decommissionError ?? "", /no other normal nodes/);
  assert.equal(mode, "NORMAL");
});

test("a repair where there is one copy is over at once; one that the node does not know is told", async () => {
  const id = await client.startRepair(agent, TOKEN, "system_auth", signal);
  assert.deepEqual(await client.repair(agent, TOKEN, id, signal), { state: "completed" });
  assert.deepEqual(await client.repair(agent, TOKEN, 4711, signal), { state: "unknown" });
  await assert.rejects(client.startRepair(agent, TOKEN, "a keyspace", signal), { code: "cassandra_agent_refused" });
});

test("a cleanup runs to its end, is told, and is begun again under another name", async () => {
  const clean = async () => {
    const id = await client.startCleanup(agent, TOKEN, signal);
    const state = await until(async () => {
      const found = await client.cleanup(agent, TOKEN, id, signal);
      return found.state === "running" ? undefined : found;
    }, "the cleanup to be over");
    assert.deepEqual(state, { state: "completed" });
    return id;
  };
  assert.notEqual(await clean(), await clean());
  assert.deepEqual(await client.cleanup(agent, TOKEN, "4711", signal), { state: "unknown" });
});

test("a node whose JVM is away is not ready, and that is said", async () => {
  await cassandra.kill();
  const id = await client.startCleanup(agent, TOKEN, signal);
  await until(async () => (await client.cleanup(agent, TOKEN, id, signal)).state === "failed", "the cleanup to fail");
  await assert.rejects(client.node(agent, TOKEN, signal), /does not answer/);
  assert.equal((await get("/readyz")).status, 503);
  await cassandra.restart();
  await until(async () => (await get("/readyz")).status === 200, "the node to be ready again");
});
