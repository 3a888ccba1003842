import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "./command.ts";

/** The Go modules of this repository that pin the tools, one a tool. */
export const GO_MODULES = join(import.meta.dirname, "..", "..", "go");

export type GoModule = {
  /** Folder under local/go. */
  folder: string;
  /** Import paths to build; the last element of each (without a version suffix) is the program's name, "." takes the folder's. */
  packages: readonly string[];
  tags?: string;
  /** Go module whose version the program reports through Kubernetes' `k8s.io/component-base/version`. */
  versionFrom?: string;
};

/** A compile prints nothing for minutes; this often a line says how far it is. */
const PROGRESS_MILLISECONDS = 10_000;

/** Compiles the module's programs, statically, into a cache entry that depends on the module's files and the flags. */
export async function goBuild(module: GoModule, progress: Progress): Promise<string> {
  const directory = join(GO_MODULES, module.folder);
  const flags = await buildFlags(module, directory);
  const sources = (await readdir(directory)).filter((name) => /\.(go|mod|sum)$/.test(name)).sort();
  const contents = await Promise.all(sources.map((name) => readFile(join(directory, name))));
  const key = contentKey(...flags, ...module.packages, ...contents);
  return cacheEntry(`go/${module.folder}-${key}`, progress, async (target) => {
    const started = performance.now();
    let last = `go build ${module.folder}: starting`;
    let compiled = 0;
    const report = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / 1000);
      progress(`go build ${module.folder}: ${compiled} packages, ${seconds} s, ${last}`);
    }, PROGRESS_MILLISECONDS);
    progress(last);
    try {
      await runCommand("go", ["build", "-v", ...flags, "-o", `${target}/`, ...module.packages], {
        cwd: directory,
        env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local", GOWORK: "off" },
        onLine: (line) => {
          last = line;
          if (!line.startsWith("go:")) compiled++;
        },
      });
    } finally {
      clearInterval(report);
    }
  });
}

/** Files of a Go module that is not compiled: definitions that others publish in it. */
export type GoModuleFiles = {
  module: string;
  version: string;
  /** The module's checksum, as go.sum has it. */
  sum: string;
  /** The folder of the files. */
  folder: string;
};

/** Copies a folder of a Go module, whose checksum must be the one that is pinned, into the cache. */
export async function goModuleFiles(name: string, files: GoModuleFiles, progress: Progress): Promise<string> {
  const { module, version, sum, folder } = files;
  return cacheEntry(`go/${name}-${contentKey(module, version, sum, folder)}`, progress, async (target) => {
    progress(`go mod download ${module}@${version}`);
    const output = await runCommand("go", ["mod", "download", "-json", `${module}@${version}`], {
      // A folder of no module: what this repository's modules require is not asked for.
      cwd: target,
      env: { GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOWORK: "off" },
    });
    const { Dir = "", Sum } = JSON.parse(output) as { Dir?: string; Sum?: string };
    if (Sum !== sum)
      throw new CodedError("tool_missing", `${module}@${version} has the checksum ${Sum}, not the pinned ${sum}`);
    for (const file of await readdir(join(Dir, folder))) await copyFile(join(Dir, folder, file), join(target, file));
  });
}

async function buildFlags(module: GoModule, directory: string): Promise<string[]> {
  let ldflags = "-s -w";
  if (module.versionFrom) {
    const version = requiredVersion(await readFile(join(directory, "go.mod"), "utf8"), module.versionFrom);
    ldflags += ` -X k8s.io/component-base/version.gitVersion=${version}`;
  }
  return ["-trimpath", "-ldflags", ldflags, ...(module.tags ? ["-tags", module.tags] : [])];
}

/** The version at which a go.mod requires a module. */
export function requiredVersion(goMod: string, module: string): string {
  for (const line of goMod.split("\n")) {
    const [name, version] = line
      .replace(/^\s*require\s/, "")
      .trim()
      .split(/\s+/);
    if (name === module && version?.startsWith("v")) return version;
  }
  throw new Error(`go.mod does not require ${module}`);
}
