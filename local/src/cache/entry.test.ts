import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { cacheDirectory, cacheEntry, contentKey } from "./entry.ts";

const before = process.env.CHATCLUSTER_CACHE;
const silent = (): void => undefined;
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "chatcluster-cache-"));
  process.env.CHATCLUSTER_CACHE = directory;
});
afterEach(async () => {
  if (before === undefined) delete process.env.CHATCLUSTER_CACHE;
  else process.env.CHATCLUSTER_CACHE = before;
  await rm(directory, { recursive: true });
});

test("the cache is where the environment says, and a relative path is refused", () => {
  assert.equal(cacheDirectory(), directory);
  process.env.CHATCLUSTER_CACHE = "here";
  assert.throws(cacheDirectory, /CHATCLUSTER_CACHE/);
});

test("an entry is made once, however many ask for it at once", async () => {
  let made = 0;
  const make = async (target: string): Promise<void> => {
    made++;
    await writeFile(join(target, "file"), "content");
  };
  const entries = await Promise.all([1, 2, 3].map(() => cacheEntry("thing/v1", silent, make)));
  assert.equal(made, 1);
  assert.deepEqual(new Set(entries), new Set([join(directory, "thing/v1")]));
  assert.equal(await readFile(join(directory, "thing/v1/file"), "utf8"), "content");
});

test("a failure leaves nothing, and the next try makes the entry", async () => {
  const failing = cacheEntry("thing/v1", silent, async (target) => {
    await writeFile(join(target, "half"), "");
    throw new Error("disk full");
  });
  await assert.rejects(failing, /disk full/);
  assert.deepEqual(await readdir(join(directory, "thing")), ["v1.lock"]);
  const entry = await cacheEntry("thing/v1", silent, (target) => writeFile(join(target, "whole"), ""));
  assert.deepEqual(await readdir(entry), ["whole"]);
});

test("what a killed run left half done is removed, and other entries' work is not", async () => {
  let left = "";
  await assert.rejects(
    cacheEntry("thing/v1", silent, async (target) => {
      left = target;
      throw new Error("stop");
    }),
  );
  // As a run that was killed leaves it: the temporary folder of this entry, and one that another process fills at this moment.
  await mkdir(left);
  await mkdir(join(dirname(left), "v10.partial-other"));
  await cacheEntry("thing/v1", silent, async () => undefined);
  assert.deepEqual((await readdir(dirname(left))).sort(), ["v1", "v1.lock", "v10.partial-other"]);
});

test("content keys tell lists apart that join to the same text", () => {
  assert.notEqual(contentKey("ab", "c"), contentKey("a", "bc"));
  assert.equal(contentKey("ab", "c"), contentKey("ab", Buffer.from("c")));
  assert.match(contentKey(), /^[0-9a-f]{12}$/);
});
