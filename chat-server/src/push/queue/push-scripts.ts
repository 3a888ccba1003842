import { readFileSync } from "node:fs";
import { type Script, script } from "../../redis/scripts.ts";

/** Beside this file in the sources; beside the bundle in an image. */
const folder = new URL("./push-scripts/", import.meta.url);

export type PushScript = "push_enqueue" | "push_claim" | "push_expand" | "push_settle" | "push_tidy";

export function loadPushScript(name: PushScript): Script {
  return script(readFileSync(new URL(`${name}.lua`, folder), "utf8"));
}
