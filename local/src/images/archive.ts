import { createHash } from "node:crypto";
import { link, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "../tools/command.ts";
import type { Layer } from "./layer.ts";

/** The part of an image's configuration that says how it runs (OCI image specification, "Image Configuration"). */
export type RunConfig = {
  /** `UID:GID`, in numbers: the kubelet cannot check `runAsNonRoot` against a name. */
  User: string;
  Env: readonly string[];
  Cmd: readonly string[];
  WorkingDir?: string;
};

export type Image = {
  name: string;
  /** `localhost/chatcluster/NAME:TAG`, where the tag is a hash of the content. */
  ref: string;
  /** Path of an OCI layout in a tar, as `ctr images import` takes it. */
  archive: string;
};

type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Readonly<Record<string, string>> };

const OCI = "application/vnd.oci";

/** Puts layers and configuration together into an archive in the cache. */
export async function imageArchive(
  name: string,
  layers: readonly Layer[],
  config: RunConfig,
  progress: Progress,
): Promise<Image> {
  const configBlob = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      created: new Date(0).toISOString(),
      config,
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const manifestBlob = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${OCI}.image.manifest.v1+json`,
      config: descriptor(`${OCI}.image.config.v1+json`, configBlob),
      layers: layers.map(({ digest, size }) => ({ mediaType: `${OCI}.image.layer.v1.tar`, digest, size })),
    }),
  );
  const tag = contentKey(manifestBlob);
  const ref = `localhost/chatcluster/${name}:${tag}`;
  const entry = await cacheEntry(`images/${name}/${tag}`, progress, async (directory) => {
    progress(`image ${ref}`);
    const layout = join(directory, "layout");
    const blobs = join(layout, "blobs", "sha256");
    await mkdir(blobs, { recursive: true });
    for (const blob of [configBlob, manifestBlob]) await writeFile(join(blobs, sha256(blob)), blob);
    for (const layer of new Map(layers.map((each) => [each.digest, each])).values())
      await link(layer.file, join(blobs, layer.digest.slice("sha256:".length)));
    const manifest: Descriptor = {
      ...descriptor(`${OCI}.image.manifest.v1+json`, manifestBlob),
      annotations: { "io.containerd.image.name": ref, "org.opencontainers.image.ref.name": tag },
    };
    const index = { schemaVersion: 2, mediaType: `${OCI}.image.index.v1+json`, manifests: [manifest] };
    await writeFile(join(layout, "index.json"), JSON.stringify(index));
    await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    const parts = ["oci-layout", "index.json", "blobs"];
    // Links to the cached layers, not copies; tar would write a second link to the same file as a link.
    const options = ["--hard-dereference", "--sort=name", "--mtime=@0", "--numeric-owner"];
    await runCommand("tar", ["--create", "--file", join(directory, "image.tar"), ...options, "-C", layout, ...parts]);
    await rm(layout, { recursive: true });
  });
  return { name, ref, archive: join(entry, "image.tar") };
}

function descriptor(mediaType: string, blob: Buffer): Descriptor {
  return { mediaType, digest: `sha256:${sha256(blob)}`, size: blob.length };
}

function sha256(blob: Buffer): string {
  return createHash("sha256").update(blob).digest("hex");
}
