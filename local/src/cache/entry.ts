import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { loadConfig } from "@chatcluster/foundation/config";
import { Type } from "typebox";
import { acquireLock } from "./lock.ts";

/** Takes one line of what is being done, for people. */
export type Progress = (line: string) => void;

const schema = Type.Object({
  cache: Type.String({
    pattern: "^/",
    description: "an absolute path",
    default: join(homedir(), ".cache", "chatcluster"),
  }),
});

/** The folder of all that is compiled or downloaded: `$CHATCLUSTER_CACHE`, else `~/.cache/chatcluster`. */
export function cacheDirectory(): string {
  return loadConfig(schema, process.env, "CHATCLUSTER_").cache;
}

/** A short name for content: 12 hexadecimal digits of the SHA-256 over `parts`, each with its length so that no two lists are alike. */
export function contentKey(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 12);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * The cache entry `name` (a relative path that holds its version), made by `make` if it is absent.
 *
 * `make` fills a temporary folder beside the entry, which is renamed only when it is complete, so a run that was killed leaves no half
 * entry; what it did leave is removed by the next. Two processes that want the same entry make it once.
 *
 * @returns the absolute path of the entry
 */
export async function cacheEntry(
  name: string,
  progress: Progress,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const entry = join(cacheDirectory(), name);
  if (await exists(entry)) return entry;
  const lock = await acquireLock(`${entry}.lock`, () => progress(`waiting for another process that makes ${name}`));
  try {
    if (await exists(entry)) return entry;
    await removePartial(entry);
    const partial = await mkdtemp(partialPrefix(entry));
    try {
      await make(partial);
      await rename(partial, entry);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    return entry;
  } finally {
    await lock.release();
  }
}

function partialPrefix(entry: string): string {
  return `${entry}.partial-`;
}

async function removePartial(entry: string): Promise<void> {
  const parent = dirname(entry);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (path.startsWith(partialPrefix(entry))) await rm(path, { recursive: true, force: true });
  }
}
