import type { Progress } from "../cache/entry.ts";
import { assembleImage, type Image } from "./image.ts";
import { type ImageName, recipes } from "./recipes.ts";

export { bundle, operator as operatorPrograms } from "./bundle.ts";
export type { Image } from "./image.ts";
export { type Ctr, loadImages } from "./load.ts";
export type { ImageName } from "./recipes.ts";

export const imageNames = Object.keys(recipes) as ImageName[];

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
    images.push(await assembleImage(name, await layers(progress), config, progress));
  }
  return images;
}
