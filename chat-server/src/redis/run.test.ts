import assert from "node:assert/strict";
import { test } from "node:test";
import { readIdentity } from "./run.ts";

const info = (server: string, replication: string, role = "master") =>
  `# Server\r\nredis_version:7.0.15\r\nrun_id:${server.repeat(40)}\r\nuptime_in_seconds:7\r\n# Replication\r\nrole:${role}\r\nmaster_replid:${replication.repeat(40)}\r\n`;

test("a run ends with the process, and with its line of replication", () => {
  const first = readIdentity(info("a", "1"));
  assert.equal(first.master, true);
  assert.equal(readIdentity(info("a", "1")).run, first.run);
  assert.notEqual(readIdentity(info("b", "1")).run, first.run, "started again, or another server");
  assert.notEqual(readIdentity(info("a", "2")).run, first.run, "promoted again after it had a master");
  assert.match(first.run, /^\w+$/);
  assert.equal(first.age, 7_000);
});

test("a replica is none, and what tells nothing is refused", () => {
  assert.equal(readIdentity(info("a", "1", "slave")).master, false);
  assert.throws(() => readIdentity("role:master\r\n"), /run_id/);
});
