import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cassandra, startCassandra } from "@chatcluster/local/services";
import { auth, Client } from "cassandra-driver";
import { type CredentialsRequest, cqlCassandraCredentials } from "./cassandra-credentials.ts";
import { cqlCassandraReplication } from "./cassandra-replication.ts";
import type { Login } from "./cassandra-session.ts";

// One of its own: the default superuser is switched off for good.
let cassandra: Cassandra;
before(async () => {
  // It is alone while its roles are to have two copies: a quorum of them would let nobody in.
  const settings = { auth_read_consistency_level: "ONE", auth_write_consistency_level: "ONE" };
  cassandra = await startCassandra({ settings });
});
after(() => cassandra.stop());

const admin = { username: "Operator", password: "it's a password" };
const chat = { username: "chat", password: "chat's" };

function request(over: Partial<CredentialsRequest> = {}): CredentialsRequest {
  return { contactPoints: [cassandra.contactPoint], datacenter: "dc1", replicationFactor: 1, admin, chat, ...over };
}

async function as<Value>(login: Login, work: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: "dc1",
    authProvider: new auth.PlainTextAuthProvider(login.username, login.password),
  });
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}

test("a new Cassandra gets both roles, and its default superuser is off", async () => {
  await cqlCassandraCredentials.ensure(request());
  // Nodes believe what they have checked for a while (credentials_validity, roles_validity).
  const refusal = await until(
    () =>
      as({ username: "cassandra", password: "cassandra" }, (client) => client.connect()).then(
        () => undefined,
        (error: Error) => error.message + JSON.stringify(error),
      ),
    "the default superuser to be refused",
  );
  assert.match(refusal, /not permitted to log in|incorrect|Authentication/i);
  const replication = "{'class': 'NetworkTopologyStrategy', 'dc1': 1}";
  await as(chat, async (client) => {
    await client.execute(`CREATE KEYSPACE IF NOT EXISTS chat WITH replication = ${replication}`);
    await client.execute("CREATE TABLE chat.messages (id int PRIMARY KEY)");
    await client.execute("INSERT INTO chat.messages (id) VALUES (1)");
  });
  const { rows } = await as(admin, (client) =>
    client.execute("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'system_auth'"),
  );
  const replicas = rows.map((row) => (row.get("replication") as Record<string, string>).dc1);
  assert.deepEqual(replicas, ["1"]);
});

test("the copies of roles, messages and records are changed together, and read where there is data", async () => {
  const asked = { contactPoints: [cassandra.contactPoint], datacenter: "dc1", admin };
  assert.deepEqual(await cqlCassandraReplication.read(asked), new Map(Object.entries({ chat: 1, system_auth: 1 })));
  await cqlCassandraReplication.change(asked, 2);
  assert.deepEqual(await cqlCassandraReplication.read(asked), new Map(Object.entries({ chat: 2, system_auth: 2 })));
  // Else no node could ever leave a ring of three: these two want three and two nodes as they come.
  const { rows } = await as(admin, (client) =>
    client.execute("SELECT keyspace_name, replication FROM system_schema.keyspaces"),
  );
  for (const keyspace of ["system_distributed", "system_traces"]) {
    const row = rows.find((each) => each.get("keyspace_name") === keyspace);
    assert.equal((row?.get("replication") as Record<string, string> | undefined)?.dc1, "2", keyspace);
  }
  await cqlCassandraReplication.change(asked, 1);
  // What was changed once is not changed again by a look at the roles.
  await cqlCassandraCredentials.ensure(request({ replicationFactor: 3 }));
  assert.deepEqual((await cqlCassandraReplication.read(asked)).get("system_auth"), 1);
});

test("the chat servers' role has no right over roles or other keyspaces", async () => {
  await as(chat, async (client) => {
    await assert.rejects(client.execute("CREATE ROLE intruder WITH LOGIN = true"), /privileges|permission/);
    await assert.rejects(client.execute("SELECT * FROM system_auth.roles"), /privileges|permission/);
  });
});

test("asked again it changes nothing; with a new password for the chat servers it sets that", async () => {
  await cqlCassandraCredentials.ensure(request());
  await as(chat, (client) => client.execute("SELECT id FROM chat.messages"));
  const next = { ...chat, password: "next" };
  await cqlCassandraCredentials.ensure(request({ chat: next }));
  // Nodes believe a password that they have checked for a while (credentials_validity).
  await until(
    () =>
      as(next, (client) => client.execute("SELECT id FROM chat.messages")).then(
        () => true,
        () => false,
      ),
    "the new password to be taken",
  );
});

test("two roles take turns: both work meanwhile, each on what the other made, and then the first is refused", async () => {
  const [first, firstAdmin] = [{ ...chat, password: "next" }, admin];
  const [second, secondAdmin] = [
    { username: "chat_2", password: "second" },
    { username: "Operator_2", password: "second admin" },
  ];
  const works = (login: Login, query: string) =>
    until(
      () =>
        as(login, (client) => client.execute(query)).then(
          () => true,
          () => false,
        ),
      `${login.username}: ${query}`,
    );
  const isRefused = (login: Login) =>
    until(
      () =>
        as(login, (client) => client.connect()).then(
          () => false,
          (error: Error) => /not permitted to log in|incorrect/i.test(JSON.stringify(error) + error.message),
        ),
      `${login.username} to be refused`,
    );
  // The stores learn it.
  await cqlCassandraCredentials.ensure(request({ chat: first, beside: { chat: second, admin: secondAdmin } }));
  for (const login of [first, second]) await works(login, "INSERT INTO chat.messages (id) VALUES (2)");
  await works(second, "CREATE TABLE chat.receipts (id int PRIMARY KEY)");
  await works(first, "INSERT INTO chat.receipts (id) VALUES (1)");
  await works(secondAdmin, "SELECT role FROM system_auth.roles");
  // It comes into use, and a session of the first goes on meanwhile.
  const [used, left] = [
    request({ admin: secondAdmin, chat: second }),
    { beside: { chat: first, admin: firstAdmin }, retired: ["chat", "Operator"] },
  ];
  await cqlCassandraCredentials.ensure({ ...used, beside: left.beside });
  await works(first, "SELECT id FROM chat.messages");
  // The first goes, and may take its next turn with another password.
  await cqlCassandraCredentials.ensure({ ...used, retired: left.retired });
  await isRefused(first);
  await isRefused(firstAdmin);
  await works(second, "SELECT id FROM chat.receipts");
  const [third, thirdAdmin] = [
    { ...first, password: "third" },
    { ...firstAdmin, password: "third admin" },
  ];
  const isSoon = (error: { code?: string }) => {
    if (error.code !== "cassandra_login_refused") throw error;
    return false;
  };
  await until(
    () =>
      cqlCassandraCredentials.ensure({ ...used, beside: { chat: third, admin: thirdAdmin } }).then(() => true, isSoon),
    "the first to be let in again",
  );
  await isRefused(first);
  await cqlCassandraCredentials.ensure(request({ admin: thirdAdmin, chat: third, retired: ["chat_2", "Operator_2"] }));
  await works(third, "SELECT id FROM chat.receipts");
  await isRefused(second);
  await isRefused(secondAdmin);
});

test("a password that Cassandra does not know is said, without showing it", async () => {
  const stranger = { username: "Operator", password: "stale-password" };
  const error = await cqlCassandraCredentials.ensure(request({ admin: stranger })).then(
    () => assert.fail("logged in"),
    (reason: Error) => reason,
  );
  assert.match(error.message, /role Operator/);
  assert.doesNotMatch(error.message, /stale-password/);
});

test("a Cassandra that is away is named", async () => {
  await assert.rejects(cqlCassandraCredentials.ensure(request({ contactPoints: ["127.0.0.1:1"] })), {
    code: "cassandra_unreachable",
    message: /127\.0\.0\.1:1/,
  });
});
