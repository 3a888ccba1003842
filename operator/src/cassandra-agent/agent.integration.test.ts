import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cassandra, startCassandra } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import { auth, Client } from "cassandra-driver";
import { cqlCassandraSchema } from "../controller/cassandra-schema.ts";
import { quietLogger } from "../runtime/testing/api.ts";
import { type SnapshotStoreAddress, httpSnapshotStoreClient as snapshots } from "../snapshot-store/client.ts";
import { SnapshotStore } from "../snapshot-store/store.ts";
import { AgentApi } from "./api-server.ts";
import { type AgentAddress, httpCassandraAgentClient as client } from "./client.ts";
import { Jolokia } from "./jolokia.ts";
import { NodeOperations } from "./node-operations.ts";
import { NodeRestore } from "./node-restore.ts";
import { NodeSnapshots } from "./node-snapshots.ts";
import { jolokiaPolicy, STORAGE_SERVICE } from "./policy.ts";
import { notUpAndNormal } from "./readiness.ts";
import type { TaskState } from "./tasks.ts";

/** All of 127.0.0.0/8 is this machine; nobody else has this one. */
const JOLOKIA = { host: "127.0.84.6", port: 8778 };
const TOKEN = "a token of some length";

let folder: string;
let cassandra: Cassandra;
let api: AgentApi;
let agent: AgentAddress;
let operations: NodeOperations;
let store: SnapshotStore;
let storeAddress: SnapshotStoreAddress;
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
  const options = { jolokia, dataDirectory: cassandra.directory, logger: quietLogger, signal: stop.signal };
  operations = new NodeOperations(options);
  await mkdir(join(folder, "snapshots"));
  store = new SnapshotStore({
    host: "127.0.0.1",
    port: 0,
    token: TOKEN,
    directory: join(folder, "snapshots"),
    logger: quietLogger,
    signal: stop.signal,
  });
  storeAddress = { ip: "127.0.0.1", port: await store.listen() };
  const peer = { name: "the store", code: "snapshot_store", host: "127.0.0.1", token: TOKEN } as const;
  api = new AgentApi({
    host: "127.0.0.1",
    port: 0,
    token: TOKEN,
    operations,
    snapshots: new NodeSnapshots(options),
    restore: new NodeRestore({
      ...options,
      store: { ...peer, port: storeAddress.port },
      directory: join(folder, "restore"),
      directoryOfCassandra: join(folder, "restore"),
    }),
    readiness: async (within) => notUpAndNormal(await operations.view(within), []),
  });
  agent = { pod: "a-cassandra-0", ip: "127.0.0.1", port: await api.listen() };
});
after(async () => {
  stop.abort();
  await api.close();
  await store.close();
  await cassandra.stop();
  await rm(folder, { recursive: true });
});

/** Two tables, of which one was changed since it was made, and one is empty. */
const CHAT_SCHEMA = [
  "CREATE KEYSPACE chat WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}",
  "CREATE TABLE chat.messages (id int PRIMARY KEY, text text, gone text)",
  "CREATE TABLE chat.quiet (id int PRIMARY KEY)",
  "ALTER TABLE chat.messages ADD extra blob",
  "ALTER TABLE chat.messages DROP gone",
];

async function chatSession(): Promise<Client & AsyncDisposable> {
  const session = new Client({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: cassandra.localDataCenter,
    authProvider: new auth.PlainTextAuthProvider(cassandra.username, cassandra.password),
  });
  await session.connect();
  return Object.assign(session, { [Symbol.asyncDispose]: () => session.shutdown() });
}

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
    ["/snapshots/a-20261231-235959", "POST"],
    ["/snapshots/a-20261231-235959/files/messages/schema.cql", "GET"],
    ["/restores/a-20261231-235959/a-cassandra-0", "POST"],
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

/** What becomes of work that was begun. */
function outcome(look: () => Promise<TaskState>): Promise<TaskState> {
  return until(async () => {
    const found = await look();
    return found.state === "running" ? undefined : found;
  }, "the work to be over");
}

const NAMES = ["a-20261231-000000", "a-20261231-000001", "a-20261231-000002", "a-20261231-000003"] as const;

async function take(name: string, keep = 2, nodes = [agent]): Promise<TaskState> {
  await snapshots.take(storeAddress, TOKEN, { name, nodes, keep }, signal);
  return outcome(() => snapshots.state(storeAddress, TOKEN, name, signal));
}

const listed = async () => (await snapshots.list(storeAddress, TOKEN, signal)).snapshots.map(({ name }) => name);

test("a snapshot has what was written by then, and another ring is made from it, its tables as they were", async () => {
  await using session = await chatSession();
  for (const statement of CHAT_SCHEMA) await session.execute(statement);
  for (let id = 0; id < 200; id++) await session.execute(`INSERT INTO chat.messages (id, text) VALUES (${id}, 'kept')`);
  await session.execute("DELETE FROM chat.messages WHERE id = 0");
  assert.deepEqual(await take(NAMES[0]), { state: "completed" });
  const manifest = await snapshots.manifest(storeAddress, TOKEN, NAMES[0], signal);
  assert.deepEqual(
    manifest.nodes.map(({ pod }) => pod),
    [agent.pod],
  );
  const tables = [...new Set(manifest.nodes[0]?.files.map(({ table }) => table))].sort();
  assert.deepEqual(tables, ["messages", "quiet"]);
  for (const { table, name, bytes } of manifest.nodes[0]?.files ?? []) {
    const path = join(folder, "snapshots", NAMES[0], agent.pod, table, name);
    assert.equal((await stat(path)).size, bytes, path);
  }
  assert.deepEqual(await client.snapshotFiles(agent, TOKEN, NAMES[0], signal), [], "the node's own is gone");

  // What came afterwards is not in it, and the ring that it is restored into has nothing.
  await session.execute("INSERT INTO chat.messages (id, text) VALUES (1000, 'later')");
  await session.execute("DROP KEYSPACE chat");
  const request = {
    contactPoints: [cassandra.contactPoint],
    datacenter: cassandra.localDataCenter,
    chat: { username: cassandra.username, password: cassandra.password },
  };
  assert.equal(await cqlCassandraSchema.exists(request), false);
  const schema = (table: string) =>
    snapshots.schema(storeAddress, TOKEN, { snapshot: NAMES[0], pod: agent.pod, table }, signal);
  const texts = [await schema("messages"), await schema("quiet")];
  // Twice, as when the operator was killed in between.
  await cqlCassandraSchema.create(request, 1, texts);
  await cqlCassandraSchema.create(request, 1, texts);
  assert.equal(await cqlCassandraSchema.exists(request), true);
  const from = { snapshot: NAMES[0], pod: agent.pod };
  await client.startRestore(agent, TOKEN, from, signal);
  assert.deepEqual(await outcome(() => client.restore(agent, TOKEN, from, signal)), { state: "completed" });
  const { rows } = await session.execute("SELECT id, text, extra FROM chat.messages");
  const ids = rows.map((row) => Number(row.get("id"))).sort((a, b) => a - b);
  assert.deepEqual(
    ids,
    Array.from({ length: 199 }, (_, index) => index + 1),
  );
  assert.deepEqual(await readdir(join(folder, "restore")), [], "nothing stays where it passed through");
});

test("only the last snapshots are kept; one that cannot be made, or is not whole, is none", async () => {
  assert.deepEqual(await take(NAMES[1]), { state: "completed" });
  assert.deepEqual(await take(NAMES[2]), { state: "completed" });
  assert.deepEqual(await listed(), [NAMES[1], NAMES[2]]);
  // A node is away.
  const away = { pod: "a-cassandra-1", ip: "127.0.84.7", port: 8406 };
  const { state, message } = await take(NAMES[3], 2, [agent, away]);
  assert.equal(state, "failed");
  assert.match(message ?? "", /a-cassandra-1 does not answer/);
  assert.deepEqual((await readdir(join(folder, "snapshots"))).sort(), [NAMES[1], NAMES[2]]);
  // The disk of the snapshots has lost the end of a file.
  const manifest = await snapshots.manifest(storeAddress, TOKEN, NAMES[2], signal);
  const file = manifest.nodes[0]?.files.find(({ name }) => name.endsWith("-Data.db"));
  assert.ok(file);
  const path = join(folder, "snapshots", NAMES[2], agent.pod, file.table, file.name);
  const whole = await readFile(path);
  const from = { snapshot: NAMES[2], pod: agent.pod };
  const load = async () => {
    await client.startRestore(agent, TOKEN, from, signal);
    return outcome(() => client.restore(agent, TOKEN, from, signal));
  };
  await truncate(path, file.bytes - 1);
  assert.match((await load()).message ?? "", /bytes came instead of/);
  // And has turned a bit.
  whole[0] = (whole[0] ?? 0) ^ 1;
  await writeFile(path, whole);
  assert.match((await load()).message ?? "", /is not what it was/);
  await assert.rejects(snapshots.manifest(storeAddress, TOKEN, NAMES[0], signal), { code: "snapshot_store_refused" });
  await assert.rejects(snapshots.list(storeAddress, "another token of some length", signal), /bearer token/);
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
