import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { runCommand } from "../tools/command.ts";
import { imageArchive } from "./archive.ts";
import { directoryLayer } from "./layer.ts";

const before = process.env.CHATCLUSTER_CACHE;
const silent = (): void => undefined;
let directory = "";

async function emptyCache(): Promise<void> {
  directory = await mkdtemp(join(tmpdir(), "chatcluster-images-"));
  process.env.CHATCLUSTER_CACHE = directory;
}
beforeEach(emptyCache);
afterEach(async () => {
  if (before === undefined) delete process.env.CHATCLUSTER_CACHE;
  else process.env.CHATCLUSTER_CACHE = before;
  await rm(directory, { recursive: true });
});

async function fill(root: string): Promise<void> {
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "etc", "b"), "b");
  await writeFile(join(root, "etc", "a"), "a");
  await chmod(join(root, "etc", "a"), 0o600);
}

test("the same files give the same layer and the same reference, on another machine and at another time", async () => {
  const config = { User: "1:1", Env: [], Cmd: ["/a"] };
  const layer = await directoryLayer("files-1", silent, fill);
  const image = await imageArchive("sample", [layer], config, silent);
  await rm(directory, { recursive: true });
  await emptyCache();
  const again = await directoryLayer("files-1", silent, async (root) => {
    // Another order, so other inodes and times.
    await mkdir(join(root, "etc"));
    await writeFile(join(root, "etc", "a"), "a", { mode: 0o600 });
    await writeFile(join(root, "etc", "b"), "b");
  });
  assert.equal(again.digest, layer.digest);
  assert.equal((await imageArchive("sample", [again], config, silent)).ref, image.ref);
});

test("another content, mode or command gives another reference", async () => {
  const config = { User: "1:1", Env: [], Cmd: ["/a"] };
  const layer = await directoryLayer("files-1", silent, fill);
  const changed = await directoryLayer("files-2", silent, async (root) => {
    await fill(root);
    await chmod(join(root, "etc", "a"), 0o644);
  });
  const refs = [
    await imageArchive("sample", [layer], config, silent),
    await imageArchive("sample", [changed], config, silent),
    await imageArchive("sample", [layer], { ...config, Cmd: ["/b"] }, silent),
  ].map(({ ref }) => ref);
  assert.equal(new Set(refs).size, 3);
  for (const ref of refs) assert.match(ref, /^localhost\/chatcluster\/sample:[0-9a-f]{12}$/);
});

test("a layer says nothing about the image's root folder", async () => {
  const { file } = await directoryLayer("files-1", silent, fill);
  assert.deepEqual((await runCommand("tar", ["--list", "--file", file])).split("\n"), ["etc/", "etc/a", "etc/b"]);
});

const Index = Type.Object({ manifests: Type.Array(Type.Object({ digest: Type.String() })) });

test("the archive is an OCI layout whose blobs are all there, the same layer once", async () => {
  const layer = await directoryLayer("files-1", silent, fill);
  const { archive } = await imageArchive("sample", [layer, layer], { User: "1:1", Env: [], Cmd: ["/a"] }, silent);
  const names = (await runCommand("tar", ["--list", "--file", archive])).split("\n");
  const text = await runCommand("tar", ["--extract", "--to-stdout", "--file", archive, "index.json"]);
  const digest = Value.Parse(Index, JSON.parse(text)).manifests[0]?.digest ?? "";
  for (const each of [digest, layer.digest]) assert.ok(names.includes(`blobs/${each.replace(":", "/")}`), each);
  assert.equal(names.filter((name) => name.startsWith("blobs/sha256/")).length, 1 + 3);
});
