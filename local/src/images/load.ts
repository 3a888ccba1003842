import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../cache/entry.ts";
import { acquireLock } from "../cache/lock.ts";
import { runCommand } from "../tools/command.ts";
import type { Image } from "./image.ts";

/** Runs containerd's `ctr` with these arguments on a node, in the name space of Kubernetes, and gives its standard output. */
export type Ctr = (args: readonly string[]) => Promise<string>;

/**
 * Loads images into a node's containerd: those that it does not have, in one archive without the layers that it has, so that a change of
 * the chat server moves a few MiB.
 *
 * @returns the references that were loaded
 */
export async function loadImages(images: readonly Image[], ctr: Ctr): Promise<string[]> {
  const references = lines(await ctr(["images", "list", "--quiet"]));
  // The reference is a hash of the content, so an image of the same name is the same.
  const missing = images.filter(({ ref }) => !references.has(ref));
  if (missing.length === 0) return [];
  const present = lines(await ctr(["content", "list", "--quiet"]));
  const directory = join(cacheDirectory(), "loading");
  const lock = await acquireLock(`${directory}.lock`);
  try {
    // What a killed run left.
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const archive = join(directory, "images.tar");
    await writeArchive(archive, missing, present);
    await ctr(["images", "import", archive]);
  } finally {
    await rm(directory, { recursive: true, force: true });
    await lock.release();
  }
  return missing.map(({ ref }) => ref);
}

/** Writes an OCI image layout of `images` as a tar, without the blobs whose digests are in `omitted`. */
export async function writeArchive(
  file: string,
  images: readonly Image[],
  omitted: ReadonlySet<string> = new Set(),
): Promise<void> {
  const layout = `${file}.layout`;
  const blobs = join(layout, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const files = new Map(images.flatMap((image) => image.blobs.map((blob) => [blob.digest, blob.file])));
  // containerd reads each image's manifest from the archive, whether it has it or not.
  const manifests = new Set(images.map(({ manifest }) => manifest.digest));
  for (const [digest, path] of files) {
    if (!omitted.has(digest) || manifests.has(digest)) await symlink(path, join(blobs, digest.replace("sha256:", "")));
  }
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.map(({ manifest, ref }) => ({ ...manifest, annotations: annotations(ref) })),
  };
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const parts = ["oci-layout", "index.json", "blobs"];
  await runCommand("tar", ["--create", "--file", file, "--dereference", "--directory", layout, ...parts]);
  await rm(layout, { recursive: true });
}

function annotations(ref: string): Record<string, string> {
  return { "io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref.slice(ref.lastIndexOf(":") + 1) };
}

function lines(text: string): Set<string> {
  return new Set(text.split("\n").filter((line) => line !== ""));
}
