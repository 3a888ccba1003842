import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { clusterBackend } from "../support/cluster.ts";
import type { Variables } from "../support/test-server.ts";
import { measureIdleMemory } from "./idle-memory.ts";

const CONNECTIONS = 10_000;
const MAX_KIBIBYTES = 12;

describe(`${CONNECTIONS} idle signed-in connections take at most ${MAX_KIBIBYTES} KiB of RSS each`, () => {
  test("on the embedded default", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "chat-idle-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await measure(t, { CHAT_DATA_DIR: directory });
  });

  test("on Redis and Cassandra", async (t) => {
    const { servers, redis } = await clusterBackend(1);
    t.after(() => redis.stop());
    await measure(t, servers[0] ?? {});
  });
});

async function measure(t: TestContext, variables: Variables): Promise<void> {
  const { perConnection, heap, external } = await measureIdleMemory(variables, CONNECTIONS);
  const figures = `${perConnection.toFixed(1)} KiB each; heap ${heap.toFixed(1)}, external ${external.toFixed(1)}`;
  t.diagnostic(figures);
  assert.ok(perConnection <= MAX_KIBIBYTES, figures);
}
