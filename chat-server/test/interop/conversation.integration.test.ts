import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import { SignJWT } from "jose";
import type { ChatServer } from "../../src/server.ts";
import { clusterBackend } from "../support/cluster.ts";
import { readiness, SECRET, startTestServer, tokenFor } from "../support/test-server.ts";
import { python } from "./python.ts";

/** Long enough to open a stream with it, short enough to wait for its end. */
const EXPIRING_SECONDS = 5;

const expiringToken = (userId: string) =>
  new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(userId)
    .setExpirationTime(`${EXPIRING_SECONDS}s`)
    .sign(new TextEncoder().encode(SECRET));

/** Clients in another language, written from PROTOCOL.md alone: what it does not say they do not know. */
describe("independent clients", () => {
  let redis: Redis;
  const servers: ChatServer[] = [];

  before(async () => {
    const backend = await clusterBackend(2);
    redis = backend.redis;
    for (const variables of backend.servers) {
      const server = await startTestServer(variables);
      servers.push(server);
      await until(async () => (await readiness(server)).status === 200, "readiness");
    }
  });
  after(async () => {
    for (const server of servers) await server.stop(0);
    await redis?.stop();
  });

  test("Python's websockets: two users on two servers", async () => {
    const args: string[] = [];
    for (const [index, server] of servers.entries()) {
      const userId = `websockets-${index}`;
      args.push(`ws://127.0.0.1:${server.port}/chat`, await tokenFor(userId), userId);
    }
    assert.equal(await python("websocket_conversation.py", args), "ok\n");
  });

  test("Python's httpx-sse: two users on two servers, sending to either", async () => {
    const args: string[] = [];
    for (const [index, server] of servers.entries()) {
      const userId = `sse-${index}`;
      args.push(`http://127.0.0.1:${server.port}`, await tokenFor(userId), userId);
    }
    args.push(await expiringToken("sse-0"));
    assert.equal(await python("sse_conversation.py", args), "ok\n");
  });
});
