import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder of all services' folders, each named after the process that owns it. */
const PARENT = join(tmpdir(), "chatcluster-services");

const owned = new Set<string>();
let prepared: Promise<void> | undefined;

/** A folder for one service's configuration, data and log; it goes with {@link removeServiceDirectory}, or with this process. */
export async function makeServiceDirectory(name: string): Promise<string> {
  prepared ??= prepare();
  await prepared;
  const directory = await mkdtemp(join(PARENT, `${process.pid}-${name}-`));
  owned.add(directory);
  return directory;
}

export async function removeServiceDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  owned.delete(directory);
}

async function prepare(): Promise<void> {
  await mkdir(PARENT, { recursive: true });
  for (const name of await readdir(PARENT)) {
    if (!isAlive(Number.parseInt(name, 10))) await rm(join(PARENT, name), { recursive: true, force: true });
  }
  process.once("exit", () => {
    for (const directory of owned) rmSync(directory, { recursive: true, force: true });
  });
}

/** A run that was killed could not delete its folders: its number names no process. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
