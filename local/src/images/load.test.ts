import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { runCommand } from "../tools/command.ts";
import { assembleImage, type Image } from "./image.ts";
import { directoryLayer, type Layer } from "./layer.ts";
import { loadImages } from "./load.ts";

const previous = process.env.CHATCLUSTER_CACHE;
const silent = (): void => undefined;
const Index = Type.Object({
  manifests: Type.Array(
    Type.Object({ digest: Type.String(), annotations: Type.Object({ "io.containerd.image.name": Type.String() }) }),
  ),
});
let cache = "";
let base: Layer;
let one: Image;
let two: Image;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "chatcluster-images-"));
  process.env.CHATCLUSTER_CACHE = cache;
  base = await layer("base");
  one = await image("one", [base, await layer("one")]);
  two = await image("two", [base, await layer("two")]);
});
afterEach(async () => {
  if (previous === undefined) delete process.env.CHATCLUSTER_CACHE;
  else process.env.CHATCLUSTER_CACHE = previous;
  await rm(cache, { recursive: true });
});

function layer(name: string): Promise<Layer> {
  return directoryLayer(`${name}-1`, silent, (root) => writeFile(join(root, name), name));
}

function image(name: string, layers: Layer[]): Promise<Image> {
  return assembleImage(name, layers, { User: "1:1", Env: [], Cmd: [`/${name}`] }, silent);
}

/** Stands in for a node that has the given references and digests; keeps what is imported. */
function node(references: string[], digests: string[]) {
  const imported: { refs: string[]; blobs: string[] }[] = [];
  const ctr = async (args: readonly string[]): Promise<string> => {
    if (args[0] === "content") return digests.join("\n");
    if (args[1] === "list") return references.join("\n");
    const file = args[2] ?? "";
    const names = (await runCommand("tar", ["--list", "--file", file])).split("\n");
    const index = await runCommand("tar", ["--extract", "--to-stdout", "--file", file, "index.json"]);
    imported.push({
      refs: Value.Parse(Index, JSON.parse(index)).manifests.map(
        ({ annotations }) => annotations["io.containerd.image.name"],
      ),
      blobs: names
        .filter((name) => /sha256\/./.test(name))
        .map((name) => `sha256:${name.slice("blobs/sha256/".length)}`),
    });
    return "";
  };
  return { ctr, imported };
}

function digestsOf(...images: Image[]): string[] {
  return [...new Set(images.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)))].sort();
}

test("an empty node gets every blob once, in one archive", async () => {
  const { ctr, imported } = node([], []);
  assert.deepEqual(await loadImages([one, two], ctr), [one.ref, two.ref]);
  assert.equal(imported.length, 1);
  assert.deepEqual(imported[0]?.refs, [one.ref, two.ref]);
  assert.deepEqual(imported[0]?.blobs.sort(), digestsOf(one, two));
  assert.deepEqual(await readdir(cache).then((names) => names.filter((name) => name === "loading")), []);
});

test("a node gets only the images and the layers that it does not have", async () => {
  const { ctr, imported } = node([one.ref], digestsOf(one));
  assert.deepEqual(await loadImages([one, two], ctr), [two.ref]);
  assert.deepEqual(imported[0]?.refs, [two.ref]);
  assert.deepEqual(
    imported[0]?.blobs.sort(),
    digestsOf(two).filter((digest) => digest !== base.digest),
  );
});

test("a manifest is in the archive even where the node has it, since the index names it", async () => {
  const { ctr, imported } = node([], digestsOf(one));
  await loadImages([one], ctr);
  assert.deepEqual(imported[0]?.blobs, [one.manifest.digest]);
});

test("a node that has all is left alone", async () => {
  const { ctr, imported } = node([one.ref, two.ref], []);
  assert.deepEqual(await loadImages([one, two], ctr), []);
  assert.deepEqual(imported, []);
});
