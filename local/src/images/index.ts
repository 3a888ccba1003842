import { readdir, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory, type Progress } from "../cache/entry.ts";
import { type Image, imageArchive } from "./archive.ts";
import { type ImageName, recipes } from "./recipes.ts";

export type { Image } from "./archive.ts";
export type { ImageName } from "./recipes.ts";

export const imageNames = Object.keys(recipes) as ImageName[];

/** So many archives of one image are kept: the last used, and those that another checkout or a node may still be about to load. */
const KEPT_ARCHIVES = 3;

/**
 * Builds the images, without Docker; what has not changed is taken from the cache.
 *
 * @param names all of them if absent
 * @throws CodedError `command_failed`, `source_missing`, or esbuild's own error with the place in the source
 */
export async function buildImages(progress: Progress, names: readonly ImageName[] = imageNames): Promise<Image[]> {
  const images: Image[] = [];
  for (const name of names) {
    const { config, layers } = recipes[name];
    const image = await imageArchive(name, await layers(progress), config, progress);
    const now = new Date();
    await utimes(dirname(image.archive), now, now);
    images.push(image);
    await removeOldArchives(name);
  }
  return images;
}

async function removeOldArchives(name: ImageName): Promise<void> {
  const directory = join(cacheDirectory(), "images", name);
  const tags = (await readdir(directory)).filter((entry) => /^[0-9a-f]+$/.test(entry));
  const aged = await Promise.all(tags.map(async (tag) => ({ tag, used: (await stat(join(directory, tag))).mtimeMs })));
  aged.sort((a, b) => b.used - a.used);
  for (const { tag } of aged.slice(KEPT_ARCHIVES)) await rm(join(directory, tag), { recursive: true, force: true });
}
