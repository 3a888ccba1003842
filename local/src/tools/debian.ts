import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { cacheDirectory, cacheEntry, contentKey, exists, type Progress } from "../cache/entry.ts";
import { acquireLock } from "../cache/lock.ts";
import { runCommand } from "./command.ts";

/** Waits for another apt (unattended upgrades hold the lock for minutes) and never asks. */
const APT_OPTIONS = [
  "-o",
  "DPkg::Lock::Timeout=300",
  "-o",
  "APT::Sandbox::User=root",
  "-qq",
  "-y",
  "-o",
  "Dpkg::Use-Pty=0",
];
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };

let updated: Promise<unknown> | undefined;

/** Fetches Debian's package lists, once a process: lists that are old name packages that are gone. */
export async function aptUpdate(progress: Progress): Promise<void> {
  updated ??= (async () => {
    progress("apt-get update");
    await runCommand("apt-get", ["update", ...APT_OPTIONS], { env: APT_ENVIRONMENT });
  })();
  await updated;
}

/** Installs plain tools (never daemons: Debian would start and enable them) on this machine. */
export async function aptInstall(packages: readonly string[], progress: Progress): Promise<void> {
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0)
    throw new CodedError("not_root", `installing ${packages.join(", ")} with apt-get needs root`);
  const lock = await acquireLock(join(cacheDirectory(), "apt.lock"), () => progress("waiting for another apt-get"));
  try {
    await aptUpdate(progress);
    progress(`apt-get install ${packages.join(" ")}`);
    await runCommand("apt-get", ["install", "--no-install-recommends", ...APT_OPTIONS, ...packages], {
      env: APT_ENVIRONMENT,
    });
  } finally {
    await lock.release();
  }
}

export type DebianService = {
  /** Names the cache entry. */
  name: string;
  /** The packages of the programs and of their libraries, but never libc6: the host's own loader goes with the host's libc. */
  packages: readonly string[];
  /** Paths of the programs inside the packages. */
  programs: readonly string[];
};

/**
 * Downloads daemons and their libraries without installing them, so that nothing starts on this machine.
 *
 * The entry's `bin/` holds a script for each program which sets LD_LIBRARY_PATH and becomes the program (same process id).
 */
export async function extractDebian(service: DebianService, progress: Progress): Promise<string> {
  const key = contentKey("1", ...service.packages, ...service.programs);
  return cacheEntry(`debian/${service.name}-${key}`, progress, async (target) => {
    await aptUpdate(progress);
    const archives = join(target, "archives");
    await mkdir(archives);
    progress(`apt-get download ${service.packages.join(" ")}`);
    await runCommand("apt-get", ["download", ...APT_OPTIONS, ...service.packages], {
      cwd: archives,
      env: APT_ENVIRONMENT,
    });
    const root = join(target, "root");
    for (const file of (await readdir(archives)).sort())
      await runCommand("dpkg-deb", ["--extract", join(archives, file), root]);
    await rm(archives, { recursive: true });
    await gatherLibraries(root, join(target, "lib"));
    await mkdir(join(target, "bin"));
    for (const program of service.programs) {
      if (!(await exists(join(root, program))))
        throw new CodedError("tool_missing", `${program} is in none of ${service.packages.join(", ")}`);
      const script =
        '#!/bin/sh\nhere=$(dirname "$(dirname "$(readlink -f "$0")")")\n' +
        `LD_LIBRARY_PATH="$here/lib" exec "$here/root/${program}" "$@"\n`;
      await writeFile(join(target, "bin", basename(program)), script, { mode: 0o755 });
    }
  });
}

/** Packages put libraries in several folders; one with links to all of them is enough for the loader. */
async function gatherLibraries(root: string, folder: string): Promise<void> {
  await mkdir(folder);
  for (const parent of ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"]) {
    if (!(await exists(join(root, parent)))) continue;
    for (const file of await readdir(join(root, parent))) {
      if (file.includes(".so")) await symlink(join("..", "root", parent, file), join(folder, file));
    }
  }
}
