import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { auth, Client } from "cassandra-driver";
import { type CassandraAddress, startCassandra } from "./cassandra.ts";
import { serveSharedServices } from "./shared.ts";

function connect(address: CassandraAddress, password: string = address.password): Client {
  return new Client({
    contactPoints: [address.contactPoint],
    localDataCenter: address.localDataCenter,
    authProvider: new auth.PlainTextAuthProvider(address.username, password),
  });
}

test("a killed Cassandra comes back on its port with what it has acknowledged", async (t) => {
  await using cassandra = await startCassandra();
  const client = connect(cassandra);
  await client.execute("CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}");
  await client.execute("CREATE TABLE k.t (id int PRIMARY KEY, v text)");
  await client.execute("INSERT INTO k.t (id, v) VALUES (1, 'kept')");
  await client.shutdown();
  await cassandra.kill();
  await cassandra.restart();
  const again = connect(cassandra);
  t.after(() => again.shutdown());
  const result = await again.execute("SELECT v FROM k.t WHERE id = 1");
  assert.equal(result.first().get("v"), "kept");
  const stranger = connect(cassandra, "guess");
  await assert.rejects(stranger.connect(), /incorrect/);
  await stranger.shutdown();
});

test("test processes share the instance that the runner serves, and it ends with the runner's stop", async (t) => {
  const shared = await serveSharedServices();
  t.after(() => shared.stop());
  const addresses = await Promise.all([sharedAddress(shared.env), sharedAddress(shared.env)]);
  assert.deepEqual(addresses[0], addresses[1]);
  const client = connect(addresses[0]);
  assert.equal((await client.execute("SELECT cluster_name FROM system.local")).first().get("cluster_name"), "test");
  await client.shutdown();
  await shared.stop();
  const late = connect(addresses[0]);
  await assert.rejects(late.connect(), /All host\(s\) tried for query failed/);
  await late.shutdown();
});

/** What another test process gets. */
async function sharedAddress(env: Readonly<Record<string, string>>): Promise<CassandraAddress> {
  const program = `
    import { sharedCassandra } from ${JSON.stringify(join(import.meta.dirname, "shared.ts"))};
    console.log(JSON.stringify(await sharedCassandra()));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.equal(status, 0);
  return JSON.parse(output) as CassandraAddress;
}
