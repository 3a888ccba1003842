import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { delivery, pushQueueContract } from "../../../test/push-queue.contract.ts";
import { EmbeddedPushQueue } from "./embedded-push-queue.ts";

pushQueueContract("the embedded push queue keeps the contract", async () => {
  const folder = await mkdtemp(join(tmpdir(), "push-"));
  const file = join(folder, "push.sqlite");
  return {
    open: async (options) => new EmbeddedPushQueue(file, options),
    async corrupt() {
      const database = new DatabaseSync(file);
      database.exec(`INSERT INTO push_jobs (body, due_at) VALUES ('{"kind":"unknown"}', 0)`);
      database.close();
    },
    close: () => rm(folder, { recursive: true }),
  };
});

it("the embedded push queue gives what a restart left, at once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "push-"));
  const options = { limit: 10, leaseMs: 600_000, rememberMs: 1_000, onDropped: () => assert.fail() };
  const before = new EmbeddedPushQueue(join(folder, "push.sqlite"), options);
  await before.enqueue([delivery("claimed"), delivery("not claimed")]);
  assert.equal((await before.claim(1)).length, 1);
  await before.close();
  const after = new EmbeddedPushQueue(join(folder, "push.sqlite"), options);
  await after.start();
  assert.equal((await after.claim(10)).length, 2);
  await after.close();
  await rm(folder, { recursive: true });
});
