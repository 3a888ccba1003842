import { readFileSync } from "node:fs";

/** Beside this file in the sources; beside the bundle in an image, where `scripts/` is copied to. */
const folder = new URL("./scripts/", import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.lua`, folder), "utf8");

/** Whether the script needs the function `release`. */
const SCRIPTS = {
  reserve: { release: false },
  commit: { release: true },
  abandon: { release: true },
  open: { release: false },
  read: { release: false },
  stale: { release: false },
  offline_push: { release: false },
  offline_acknowledge: { release: false },
  unregister: { release: false },
} as const;

export type ScriptName = keyof typeof SCRIPTS;

/** Sources ready for `EVAL`. `publish` is SPUBLISH where Redis is a cluster. */
export function loadScripts(publish: "PUBLISH" | "SPUBLISH"): { name: ScriptName; lua: string }[] {
  const release = read("release");
  return (Object.keys(SCRIPTS) as ScriptName[]).map((name) => ({
    name,
    lua: `local PUBLISH = '${publish}'\n${SCRIPTS[name].release ? release : ""}${read(name)}`,
  }));
}
