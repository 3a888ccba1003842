import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { Value } from "typebox/value";
import type { FileAnswer } from "../cassandra-agent/peer-server.ts";
import { clusterOfSnapshot, SNAPSHOT_NAME } from "../cassandra-agent/snapshot-names.ts";
import { MAX_MANIFEST, Manifest, type Summary } from "./manifest.ts";

const MANIFEST = "manifest.json";
/** Ends the name of a folder that is no snapshot yet, or no more. */
const UNFINISHED = ".unfinished";

/**
 * The snapshots on the volume: a folder each, with `manifest.json` and the files under `POD/TABLE/`. A folder has its snapshot's name only while every
 * file of its manifest is in it: it gets the name last, and loses it first.
 */
export class Archive {
  readonly #directory: string;
  /** By name; a complete snapshot never changes. */
  readonly #summaries = new Map<string, Summary>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** All snapshots, of whichever ChatCluster, the oldest first. */
  async list(): Promise<Summary[]> {
    const entries = await readdir(this.#directory);
    const names = entries.filter((name) => new RegExp(`^${SNAPSHOT_NAME}$`).test(name));
    for (const name of this.#summaries.keys()) if (!names.includes(name)) this.#summaries.delete(name);
    for (const name of names) {
      if (this.#summaries.has(name)) continue;
      const { version: _version, nodes: _nodes, ...summary } = await this.manifest(name);
      this.#summaries.set(name, summary);
    }
    return [...this.#summaries.values()].sort((a, b) => (a.takenAt < b.takenAt ? -1 : 1));
  }

  /** @throws CodedError `snapshot_missing`, `snapshot_damaged` */
  async manifest(name: string): Promise<Manifest> {
    const path = join(this.#directory, name, MANIFEST);
    let text: string;
    try {
      if ((await stat(path)).size > MAX_MANIFEST) throw damaged(name);
      text = await readFile(path, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      throw new CodedError("snapshot_missing", `there is no snapshot ${name}`, { cause });
    }
    const manifest = parsed(text);
    if (Value.Check(Manifest, manifest) && manifest.name === name) return manifest;
    throw damaged(name);
  }

  /** @throws CodedError `snapshot_missing` */
  async open(name: string, path: string): Promise<FileAnswer> {
    const file = join(this.#directory, name, path);
    try {
      return { bytes: (await stat(file)).size, file: createReadStream(file) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      throw new CodedError("snapshot_missing", `there is no snapshot ${name} with ${path}`, { cause });
    }
  }

  /** A new folder for a snapshot that is on its way. */
  async begin(name: string): Promise<string> {
    const folder = join(this.#directory, name + UNFINISHED);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    return folder;
  }

  /** Makes a snapshot of the folder: from here on it is listed. */
  async finish(manifest: Manifest): Promise<void> {
    const folder = join(this.#directory, manifest.name + UNFINISHED);
    const path = join(folder, MANIFEST);
    await writeFile(path, JSON.stringify(manifest), { flag: "wx", flush: true });
    // The names are on the disk, too, before the folder's own name says that all is there.
    for (const each of await readdir(folder, { withFileTypes: true, recursive: true }))
      if (each.isDirectory()) await sync(join(each.parentPath, each.name));
    await sync(folder);
    await rename(folder, join(this.#directory, manifest.name));
    await sync(this.#directory);
  }

  /** Takes away what a ChatCluster has left unfinished. */
  async sweep(cluster: string): Promise<void> {
    for (const entry of await readdir(this.#directory)) {
      if (!entry.endsWith(UNFINISHED) || clusterOfSnapshot(entry.slice(0, -UNFINISHED.length)) !== cluster) continue;
      await rm(join(this.#directory, entry), { recursive: true, force: true });
    }
  }

  /** Takes away the oldest snapshots of a ChatCluster, but for the last few. */
  async prune(cluster: string, keep: number): Promise<string[]> {
    const own = (await this.list()).filter(({ name }) => clusterOfSnapshot(name) === cluster);
    const gone = own.slice(0, Math.max(0, own.length - keep)).map(({ name }) => name);
    for (const name of gone) {
      const folder = join(this.#directory, name);
      await rename(folder, folder + UNFINISHED);
      await rm(folder + UNFINISHED, { recursive: true, force: true });
    }
    return gone;
  }
}

function damaged(name: string): CodedError {
  return new CodedError("snapshot_damaged", `the manifest of snapshot ${name} is not what it was`);
}

async function sync(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The schema refuses it.
    return undefined;
  }
}
