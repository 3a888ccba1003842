import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";

/** Folders of the hierarchies of one version in the text of /proc/mounts: any number of v1, at most one of v2, which may be there too. */
export function cgroupHierarchies(mounts: string, version: 1 | 2): string[] {
  const wanted = version === 1 ? "cgroup" : "cgroup2";
  return mounts
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === wanted)
    .map(([, folder]) => folder as string);
}

function hierarchies(version: 1 | 2): string[] {
  return cgroupHierarchies(readFileSync("/proc/mounts", "utf8"), version);
}

/**
 * Makes the cgroup under which a node's kubelet puts its pods, in each hierarchy. The hierarchies themselves are only used, never
 * mounted or changed.
 */
export function makeCgroup(name: string): void {
  const first = hierarchies(1);
  for (const hierarchy of first.length > 0 ? first : hierarchies(2)) {
    const folder = join(hierarchy, name);
    mkdirSync(folder, { recursive: true });
    // In version 1 an empty cpuset takes no process.
    for (const file of first.length > 0 ? ["cpuset.cpus", "cpuset.mems"] : []) {
      if (existsSync(join(folder, file)))
        writeFileSync(join(folder, file), readFileSync(join(hierarchy, file), "utf8"));
    }
  }
}

/** Removes a node's cgroup and all below it, once its last process has gone; runc makes one in the second version's hierarchy too. */
export async function removeCgroup(name: string): Promise<void> {
  if (!name.startsWith("chatcluster")) throw new CodedError("not_ours", `${name} is not a cgroup of this project`);
  for (const hierarchy of [...hierarchies(1), ...hierarchies(2)]) {
    await until(
      () => removeTree(join(hierarchy, name)),
      `cgroup ${join(hierarchy, name)} is free of processes`,
      10_000,
      { every: 20 },
    );
  }
}

/** @returns false when a process that is about to end still holds a folder */
function removeTree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeTree(join(folder, entry.name))) return false;
  }
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EBUSY") return false;
    throw error;
  }
}
