import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "./until.ts";

/** Folders of the cgroup v1 hierarchies in the text of /proc/mounts. */
export function cgroupHierarchies(mounts: string): string[] {
  return mounts
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup")
    .map(([, folder]) => folder as string);
}

function hierarchies(): string[] {
  return cgroupHierarchies(readFileSync("/proc/mounts", "utf8"));
}

/** Whether the kernel offers cgroup v1 here; if not, a node's cgroup lies in the one unified hierarchy. */
export function isCgroupV1(): boolean {
  return !existsSync("/sys/fs/cgroup/cgroup.controllers");
}

/**
 * Makes the cgroup under which a node's kubelet puts its pods, in each hierarchy. The hierarchies themselves are only used, never
 * mounted or changed.
 */
export function makeCgroup(name: string): void {
  for (const hierarchy of isCgroupV1() ? hierarchies() : ["/sys/fs/cgroup"]) {
    const folder = join(hierarchy, name);
    mkdirSync(folder, { recursive: true });
    // An empty cpuset takes no process.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (isCgroupV1() && existsSync(join(folder, file)))
        writeFileSync(join(folder, file), readFileSync(join(hierarchy, file), "utf8"));
    }
  }
}

/** Removes a node's cgroup and all below it, once its last process has gone. */
export async function removeCgroup(name: string): Promise<void> {
  if (!/^chatcluster/.test(name)) throw new CodedError("not_ours", `${name} is not a cgroup of this project`);
  for (const hierarchy of isCgroupV1() ? hierarchies() : ["/sys/fs/cgroup"]) {
    await until(() => removeTree(join(hierarchy, name)), {
      within: 10_000,
      every: 20,
      what: `cgroup ${join(hierarchy, name)} is free of processes`,
    });
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
