import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { sharedCassandra } from "@chatcluster/local/services";
import { Client } from "cassandra-driver";
import { CassandraConnection, type CassandraOptions } from "./connection.ts";
import { migrate, replicationMap } from "./migrations.ts";

const keyspace = `migrations_${process.pid}_${Date.now().toString(36)}`;
const logger = createLogger("test", "silent");
let cassandra: Awaited<ReturnType<typeof sharedCassandra>>;
let client: Client;

before(async () => {
  cassandra = await sharedCassandra();
  const { contactPoint, localDataCenter, username, password } = cassandra;
  client = new Client({ contactPoints: [contactPoint], localDataCenter, credentials: { username, password } });
  await client.connect();
});
after(() => client?.shutdown());

test("a lock that an earlier attempt of the same server left does not hold its next one up", async () => {
  const options = { keyspace, replication: `${cassandra.localDataCenter}:1`, logger };
  await migrate(client, { ...options, holder: "one" });
  // As after a write whose outcome the server never learnt.
  await client.execute(`INSERT INTO ${keyspace}.schema_lock (name, holder) VALUES ('migrations', 'two') USING TTL 60`);
  await client.execute(`DELETE FROM ${keyspace}.schema_migrations WHERE version = 2`);
  const started = Date.now();
  await migrate(client, { ...options, holder: "two" });
  assert.ok(Date.now() - started < 30_000, "it waited for the lock to expire");
  const { rowLength } = await client.execute(`SELECT name FROM ${keyspace}.schema_lock`);
  assert.equal(rowLength, 0, "the lock is free again");
});

const connect = (t: TestContext, more: Partial<CassandraOptions>) => {
  const connection = new CassandraConnection({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: cassandra.localDataCenter,
    keyspace,
    replication: `${cassandra.localDataCenter}:1`,
    username: cassandra.username,
    password: cassandra.password,
    logger,
    ...more,
  });
  t.after(() => connection.close());
  connection.start();
  return connection;
};

test("a replication factor for a data centre that Cassandra does not have is refused, and named", async (t) => {
  const connection = connect(t, { keyspace: `${keyspace}_two`, replication: "dc1:1,dc2:3" });
  await until(() => connection.problem()?.includes("dc2"), "the problem", 20_000);
});

test("several data centres become options of the replication strategy", () => {
  assert.equal(replicationMap("dc1:3,dc2:2"), "{'class': 'NetworkTopologyStrategy', 'dc1': '3', 'dc2': '2'}");
});

test("several servers that start at once apply each version once", async (t) => {
  const applied: (number | undefined)[] = [];
  const counting = createLogger("test", "silent");
  t.mock.method(counting, "info", ({ version }: { version?: number }) => applied.push(version));
  const servers = [1, 2, 3].map(() => connect(t, { keyspace: `${keyspace}_once`, logger: counting }));
  await until(() => servers.every((server) => server.problem() === undefined), "all servers' stores", 60_000);
  const versions = applied.filter((version) => version !== undefined);
  assert.ok(versions.length > 1);
  assert.deepEqual(
    versions,
    versions.map((_, index) => index + 1),
  );
});

test("a data centre that is not there is named, with those that are", async (t) => {
  const connection = connect(t, { localDataCenter: "dc9", replication: "dc9:1" });
  await until(() => connection.problem()?.includes("dc9"), "the problem", 20_000);
  assert.match(connection.problem() ?? "", /dc9.*dc1/s);
  await assert.rejects(connection.execute("SELECT key FROM system.local", []), /unavailable.*dc9/is);
});

test("a server that is refused at first is there soon after it may come in", async (t) => {
  const role = `late_${Date.now().toString(36)}`;
  const connection = connect(t, { username: role, password: "secret" });
  // Long enough for an unbounded back-off to have grown past what is allowed.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  assert.match(connection.problem() ?? "", /AuthenticationError/);
  await client.execute(`CREATE ROLE ${role} WITH PASSWORD = 'secret' AND LOGIN = true AND SUPERUSER = true`);
  const created = Date.now();
  while (connection.problem() !== undefined) {
    assert.ok(Date.now() - created < 20_000, connection.problem());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
