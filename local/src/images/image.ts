import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import type { Layer } from "./layer.ts";

/** The part of an image's configuration that says how it runs (OCI image specification, "Image Configuration"). */
export type RunConfig = {
  /** `UID:GID`, in numbers: the kubelet cannot check `runAsNonRoot` against a name. */
  User: string;
  Env: readonly string[];
  Cmd: readonly string[];
  WorkingDir?: string;
};

/** OCI image specification, "Content Descriptors". */
export type Descriptor = { mediaType: string; digest: string; size: number };

export type Image = {
  name: string;
  /** `localhost/chatcluster/NAME:TAG`, where the tag is a hash of the content. */
  ref: string;
  manifest: Descriptor;
  /** Manifest, configuration and layers: the digest of each, and the file that holds it. */
  blobs: readonly { digest: string; file: string }[];
};

const OCI = "application/vnd.oci.image";

/** Puts layers and configuration together; manifest and configuration are kept in the cache beside the layers. */
export async function assembleImage(
  name: string,
  layers: readonly Layer[],
  config: RunConfig,
  progress: Progress,
): Promise<Image> {
  const configuration = encode({
    architecture: "amd64",
    os: "linux",
    created: new Date(0).toISOString(),
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: descriptor(`${OCI}.config.v1+json`, configuration),
    layers: layers.map(({ digest, size }) => ({ mediaType: `${OCI}.layer.v1.tar`, digest, size })),
  });
  const tag = contentKey(manifest);
  const ref = `localhost/chatcluster/${name}:${tag}`;
  const entry = await cacheEntry(`images/${name}-${tag}`, progress, async (directory) => {
    progress(`image ${ref}`);
    await writeFile(join(directory, "config.json"), configuration);
    await writeFile(join(directory, "manifest.json"), manifest);
  });
  return {
    name,
    ref,
    manifest: descriptor(`${OCI}.manifest.v1+json`, manifest),
    blobs: [
      { digest: digestOf(manifest), file: join(entry, "manifest.json") },
      { digest: digestOf(configuration), file: join(entry, "config.json") },
      ...layers.map(({ digest, file }) => ({ digest, file })),
    ],
  };
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function descriptor(mediaType: string, blob: Buffer): Descriptor {
  return { mediaType, digest: digestOf(blob), size: blob.length };
}

function digestOf(blob: Buffer): string {
  return `sha256:${createHash("sha256").update(blob).digest("hex")}`;
}
