import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { cacheEntry, type Progress } from "../cache/entry.ts";
import { runCommand } from "../tools/command.ts";

/** One layer of an image: an uncompressed tar, so that its digest is also its diff id (OCI image specification, "Layer DiffID"). */
export type Layer = { file: string; digest: string; size: number };

const Description = Type.Object({ digest: Type.String({ pattern: "^sha256:[0-9a-f]{64}$" }), size: Type.Integer() });

/**
 * The layer `name`, whose name holds a key of all that it is made from. `fill` puts its files into a folder that stands for `/`; it
 * sets owners and modes itself. Times and order are fixed, so that the same files give the same digest on any machine.
 */
export function directoryLayer(
  name: string,
  progress: Progress,
  fill: (root: string) => Promise<void>,
): Promise<Layer> {
  return tarLayer(name, progress, async (file, directory) => {
    const root = join(directory, "root");
    await mkdir(root, { mode: 0o755 });
    await fill(root);
    // Not the folder itself: it would set the owner and mode of the image's "/".
    const names = (await readdir(root)).sort();
    const fixed = ["--format=posix", "--pax-option=delete=atime,delete=ctime", "--mtime=@0", "--sort=name"];
    await runCommand("tar", ["--create", "--file", file, ...fixed, "--numeric-owner", "--directory", root, ...names]);
    await rm(root, { recursive: true });
  });
}

/** A layer whose tar `make` writes to the given file; `directory` is free for temporary files. */
export async function tarLayer(
  name: string,
  progress: Progress,
  make: (file: string, directory: string) => Promise<void>,
): Promise<Layer> {
  const entry = await cacheEntry(`layers/${name}`, progress, async (directory) => {
    progress(`layer ${name}`);
    const file = join(directory, "layer.tar");
    await make(file, directory);
    const description = { digest: await fileDigest(file), size: (await stat(file)).size };
    await writeFile(join(directory, "layer.json"), JSON.stringify(description));
  });
  const description = Value.Parse(Description, JSON.parse(await readFile(join(entry, "layer.json"), "utf8")));
  return { file: join(entry, "layer.tar"), ...description };
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest("hex")}`;
}
