import assert from "node:assert/strict";
import { test } from "node:test";
import { statementsOf } from "./cassandra-schema.ts";

test("a table's schema is taken apart into its statements, and nothing but a schema is run", () => {
  const schema = `CREATE TABLE IF NOT EXISTS chat.t (
    id int PRIMARY KEY,
    v text
) WITH ID = 4e936d50-e848-11f1-b169-c9eb1a7746e5
    AND comment = 'a; b';
ALTER TABLE chat.t DROP w USING TIMESTAMP 1795553268000000;
`;
  const statements = statementsOf(schema);
  assert.equal(statements.length, 2);
  assert.match(statements[0] ?? "", /^CREATE TABLE IF NOT EXISTS chat\.t \([^;]+comment = 'a; b'$/s);
  assert.equal(statements[1], "ALTER TABLE chat.t DROP IF EXISTS w USING TIMESTAMP 1795553268000000");
  assert.throws(() => statementsOf("DROP KEYSPACE chat;\n"), { code: "cassandra_schema_refused" });
  assert.throws(() => statementsOf(`${schema}GRANT ALL ON ALL KEYSPACES TO chat;`), {
    code: "cassandra_schema_refused",
  });
});
