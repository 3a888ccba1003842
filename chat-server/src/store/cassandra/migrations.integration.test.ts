import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { sharedCassandra } from "@chatcluster/local/services";
import { Client } from "cassandra-driver";
import { CassandraConnection } from "./connection.ts";
import { migrate } from "./migrations.ts";

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

test("a server that is refused at first is there soon after it may come in", async (t) => {
  const role = `late_${Date.now().toString(36)}`;
  const connection = new CassandraConnection({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: cassandra.localDataCenter,
    keyspace,
    replication: `${cassandra.localDataCenter}:1`,
    username: role,
    password: "secret",
    logger,
  });
  t.after(() => connection.close());
  connection.start();
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
