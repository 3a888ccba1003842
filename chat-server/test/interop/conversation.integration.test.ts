import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import type { ChatServer } from "../../src/server.ts";
import { clusterBackend } from "../support/cluster.ts";
import { readiness, startTestServer, tokenFor } from "../support/test-server.ts";
import { python } from "./python.ts";

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
});
