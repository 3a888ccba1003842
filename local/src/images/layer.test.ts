import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { runCommand } from "../tools/command.ts";
import { assembleImage } from "./image.ts";
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
  const image = await assembleImage("sample", [layer], config, silent);
  await rm(directory, { recursive: true });
  await emptyCache();
  const again = await directoryLayer("files-1", silent, async (root) => {
    // Another order, so other inodes and times.
    await mkdir(join(root, "etc"));
    await writeFile(join(root, "etc", "a"), "a", { mode: 0o600 });
    await writeFile(join(root, "etc", "b"), "b");
  });
  assert.equal(again.digest, layer.digest);
  assert.equal((await assembleImage("sample", [again], config, silent)).ref, image.ref);
});

test("another content, mode or command gives another reference", async () => {
  const config = { User: "1:1", Env: [], Cmd: ["/a"] };
  const layer = await directoryLayer("files-1", silent, fill);
  const changed = await directoryLayer("files-2", silent, async (root) => {
    await fill(root);
    await chmod(join(root, "etc", "a"), 0o644);
  });
  const refs = [
    await assembleImage("sample", [layer], config, silent),
    await assembleImage("sample", [changed], config, silent),
    await assembleImage("sample", [layer], { ...config, Cmd: ["/b"] }, silent),
  ].map(({ ref }) => ref);
  assert.equal(new Set(refs).size, 3);
  for (const ref of refs) assert.match(ref, /^localhost\/chatcluster\/sample:[0-9a-f]{12}$/);
});

test("a layer says nothing about the image's root folder", async () => {
  const { file } = await directoryLayer("files-1", silent, fill);
  assert.deepEqual((await runCommand("tar", ["--list", "--file", file])).split("\n"), ["etc/", "etc/a", "etc/b"]);
});
