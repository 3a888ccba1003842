import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { measureIdleMemory } from "./idle-memory.ts";

const CONNECTIONS = 10_000;
const MAX_KIBIBYTES = 12;

/** On the embedded default, which has no drivers whose own memory comes and goes: it is the connections and sessions that are measured. */
test(`${CONNECTIONS} idle signed-in connections take at most ${MAX_KIBIBYTES} KiB of RSS each`, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "chat-idle-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const { perConnection, heap, external } = await measureIdleMemory({ CHAT_DATA_DIR: directory }, CONNECTIONS);
  const figures = `${perConnection.toFixed(1)} KiB each; heap ${heap.toFixed(1)}, external ${external.toFixed(1)}`;
  t.diagnostic(figures);
  assert.ok(perConnection <= MAX_KIBIBYTES, figures);
});
