import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { sharedCassandra } from "@chatcluster/local/services";
import { CuttableProxy } from "../../../test/support/cuttable-proxy.ts";
import { CassandraConnection } from "./connection.ts";

/** Half of them as a cable that is out for a while, half as one that is in again before the driver looks. */
const CUTS = 6;

/** Timers that keep this process from ending; as `until` asks, so that its own are always counted or never. */
async function timers(): Promise<number> {
  let count = 0;
  await until(() => {
    count = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    return true;
  }, "a count");
  return count;
}

test("a Cassandra that goes and comes back again and again leaves no timer behind, and a closed connection ends the process", async (t) => {
  const cassandra = await sharedCassandra();
  const proxy = await CuttableProxy.start(cassandra.port);
  t.after(() => proxy.close());
  const before = await timers();
  const connection = new CassandraConnection({
    contactPoints: [`127.0.0.1:${proxy.port}`],
    localDataCenter: cassandra.localDataCenter,
    keyspace: `reconnection_${process.pid}_${Date.now().toString(36)}`,
    replication: `${cassandra.localDataCenter}:1`,
    username: cassandra.username,
    password: cassandra.password,
    logger: createLogger("test", "silent"),
  });
  t.after(() => connection.close());
  connection.start();
  const isThere = () => connection.problem() === undefined;
  await until(isThere, "Cassandra", 60_000);
  for (let cut = 1; cut <= CUTS; cut++) {
    proxy.cut();
    if (cut % 2 === 0) proxy.restore();
    await until(() => !isThere(), `cut ${cut}`);
    proxy.restore();
    await until(isThere, `the way back after cut ${cut}`, 20_000);
    assert.equal((await connection.execute("SELECT key FROM system.local", [])).length, 1);
  }
  await connection.close();
  await until(async () => (await timers()) <= before, "the end of the timers");
});
