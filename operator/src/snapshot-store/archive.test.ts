import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { Archive } from "./archive.ts";
import { fetchFile } from "./fetch-file.ts";
import type { Manifest } from "./manifest.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "chatcluster-archive-"));
});
after(() => rm(directory, { recursive: true }));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

function manifestOf(name: string): Manifest {
  const time = `2026-01-01T00:00:${name.slice(-2)}Z`;
  const files = [{ table: "messages", name: "nb-1-big-Data.db", bytes: 5, sha256: HELLO }];
  return { version: 1, name, takenAt: time, completedAt: time, bytes: 5, nodes: [{ pod: "a-cassandra-0", files }] };
}

async function store(archive: Archive, name: string): Promise<void> {
  const table = join(await archive.begin(name), "a-cassandra-0", "messages");
  await mkdir(table, { recursive: true });
  await fetchFile(chunks("hel", "lo"), join(table, "nb-1-big-Data.db"), 5);
  await archive.finish(manifestOf(name));
}

const names = async (archive: Archive) => (await archive.list()).map(({ name }) => name);

test("a snapshot is listed once it is whole; what is unfinished is not, and is swept away by its ChatCluster only", async () => {
  const archive = new Archive(directory);
  await store(archive, "a-20260101-000001");
  await archive.begin("a-20260101-000002");
  await archive.begin("a-b-20260101-000003");
  await mkdir(join(directory, "lost+found"));
  assert.deepEqual(await names(archive), ["a-20260101-000001"]);
  await archive.sweep("a");
  const left = ["a-20260101-000001", "a-b-20260101-000003.unfinished", "lost+found"];
  assert.deepEqual((await readdir(directory)).sort(), left);
  await archive.sweep("a-b");
  const { bytes, file } = await archive.open("a-20260101-000001", "a-cassandra-0/messages/nb-1-big-Data.db");
  assert.equal(bytes, 5);
  assert.equal(await text(file), "hello");
  await assert.rejects(archive.manifest("a-20260101-000002"), { code: "snapshot_missing" });
});

test("the oldest of a ChatCluster go, another's stay, and a store that starts anew finds the same", async () => {
  const archive = new Archive(directory);
  await store(archive, "b-20260101-000000");
  await store(archive, "a-20260101-000004");
  await store(archive, "a-20260101-000005");
  assert.deepEqual(await archive.prune("a", 2), ["a-20260101-000001"]);
  assert.deepEqual(await archive.prune("a", 2), []);
  const left = ["b-20260101-000000", "a-20260101-000004", "a-20260101-000005"];
  assert.deepEqual(await names(archive), left);
  assert.deepEqual(await names(new Archive(directory)), left);
});

test("a manifest that is not what it was is told", async () => {
  await writeFile(join(directory, "b-20260101-000000", "manifest.json"), "{");
  await assert.rejects(new Archive(directory).manifest("b-20260101-000000"), { code: "snapshot_damaged" });
});

test("a file of another length than was told is none", async () => {
  for (const [index, bytes] of [4, 6].entries())
    await assert.rejects(fetchFile(chunks("hel", "lo"), join(directory, `file-${index}`), bytes), {
      code: "snapshot_file_cut",
    });
  assert.deepEqual(await fetchFile(chunks("hel", "lo"), join(directory, "whole"), 5), { sha256: HELLO });
});
