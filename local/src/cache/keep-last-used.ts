import { readdir, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Marks the cache entry at `used` as used now, and of the entries beside it whose names are `prefix` and a content key, removes all but
 * the `count` that were used last. For entries of which every change of a source makes another.
 */
export async function keepLastUsed(used: string, prefix: string, count: number): Promise<void> {
  const now = new Date();
  await utimes(used, now, now);
  const directory = dirname(used);
  const names = (await readdir(directory)).filter(
    (name) => name !== basename(used) && name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length)),
  );
  const entries = await Promise.all(
    names.map(async (name) => ({ path: join(directory, name), time: (await stat(join(directory, name))).mtimeMs })),
  );
  entries.sort((a, b) => b.time - a.time);
  for (const { path } of entries.slice(count - 1)) {
    await rm(path, { recursive: true, force: true });
    await rm(`${path}.lock`, { force: true });
  }
}
