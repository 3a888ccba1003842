import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { ChildServer } from "../support/child-server.ts";
import { clusterBackend } from "../support/cluster.ts";
import { metric, readiness } from "../support/test-server.ts";
import { signInAll, WireClient } from "./wire-client.ts";

/** More than the Cassandra driver takes at a time for one connection. */
const USERS = 3_000;

test(`${USERS} users who come at once are all signed in`, async (t) => {
  const { servers, redis } = await clusterBackend(1);
  t.after(() => redis.stop());
  const server = await ChildServer.start(servers[0] ?? {});
  t.after(() => server.kill());
  await until(async () => (await readiness(server)).status === 200, "readiness");
  const users = Array.from({ length: USERS }, (_, index) => `crowd-${index}`);
  const clients = await signInAll(users, (user) => WireClient.signIn(server.port, user), USERS);
  assert.equal(await metric(server, "chat_open_connections"), USERS);
  for (const client of clients) client.destroy();
});
