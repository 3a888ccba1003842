import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Beside this file in the sources; beside the bundle in an image. */
const folder = new URL("./push-scripts/", import.meta.url);

export type PushScript = "push_enqueue" | "push_claim" | "push_expand" | "push_settle" | "push_tidy";

export interface LoadedScript {
  lua: string;
  /** By which Redis knows it once it has run it. */
  sha1: string;
}

export function loadPushScript(name: PushScript): LoadedScript {
  const lua = readFileSync(new URL(`${name}.lua`, folder), "utf8");
  return { lua, sha1: createHash("sha1").update(lua).digest("hex") };
}
