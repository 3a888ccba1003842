import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { keepLastUsed } from "./keep-last-used.ts";

test("the entries that were used last are kept, and those of other names", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "chatcluster-cache-"));
  t.after(() => rm(directory, { recursive: true }));
  const names = ["a-000000000001", "a-000000000002", "a-000000000003", "a-b-000000000001", "a-000000000004.partial-x"];
  for (const [i, name] of names.entries()) {
    await mkdir(join(directory, name));
    await utimes(join(directory, name), i, i);
  }
  // The oldest by its time is the one in use.
  await keepLastUsed(join(directory, "a-000000000001"), "a-", 2);
  const left = ["a-000000000001", "a-000000000003", "a-000000000004.partial-x", "a-b-000000000001"];
  assert.deepEqual((await readdir(directory)).sort(), left);
});
