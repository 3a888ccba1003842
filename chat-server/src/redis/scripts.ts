import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Beside this file in the sources; beside the bundle in an image, where `scripts/` is copied to. */
const folder = new URL("./scripts/", import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.lua`, folder), "utf8");

/**
 * `release`: whether the script needs the function of that name. `run`: whether its first argument is the node's run, which tells whether a log
 * is whole; `fresh`: the run is asked for anew, because the script writes it down.
 */
const SCRIPTS = {
  reserve: { release: false, run: "known" },
  commit: { release: true, run: "known" },
  abandon: { release: true, run: "known" },
  open: { release: false, run: "fresh" },
  read: { release: false, run: "known" },
  stale: { release: false, run: undefined },
  offline_push: { release: false, run: undefined },
  offline_acknowledge: { release: false, run: undefined },
  unregister: { release: false, run: undefined },
} as const;

export type ScriptName = keyof typeof SCRIPTS;

export interface Script {
  readonly lua: string;
  /** By which a server knows it once it has run it. */
  readonly sha1: string;
}

export interface ServerScript extends Script {
  readonly run: "known" | "fresh" | undefined;
}

export const script = (lua: string): Script => ({ lua, sha1: createHash("sha1").update(lua).digest("hex") });

/** The scripts, which publish with this command. */
export function loadScripts(publish: "publish" | "spublish"): Record<ScriptName, ServerScript> {
  const release = read("release");
  const load = (name: ScriptName): ServerScript => ({
    ...script(`local PUBLISH = '${publish}'\n${SCRIPTS[name].release ? release : ""}${read(name)}`),
    run: SCRIPTS[name].run,
  });
  const names = Object.keys(SCRIPTS) as ScriptName[];
  return Object.fromEntries(names.map((name) => [name, load(name)])) as Record<ScriptName, ServerScript>;
}
