import { existsSync } from "node:fs";
import { mkdir, readFile, statfs } from "node:fs/promises";
import { arch, platform, totalmem } from "node:os";
import { join } from "node:path";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { cacheDirectory } from "../cache/entry.ts";
import { runCommand } from "./command.ts";
import { GO_MODULES } from "./go.ts";

const GIB = 2 ** 30;

export type MachineNeeds = {
  /** Bytes free where the cache is; see {@link diskNeeded}. */
  disk: number;
  /** Bytes of memory in the machine. */
  memory: number;
  /** Whether something must be compiled, which needs Go. */
  go: boolean;
};

/** Compiling Kubernetes takes 3 GB of build cache and 1.3 GB of modules, the tools and images 3 GB, a cluster and its volumes the rest. */
export const COLD: MachineNeeds = { disk: 15 * GIB, memory: 4 * GIB, go: true };
export const WARM: MachineNeeds = { disk: 3 * GIB, memory: 4 * GIB, go: false };

/**
 * What keeps this machine from running the local cluster and the tests: one sentence each, with what to do; empty when all is there.
 * What apt-get can install is not missing: it is installed when it is needed.
 */
export async function missingOnMachine(needs: MachineNeeds): Promise<string[]> {
  const missing: string[] = [];
  if (platform() !== "linux" || arch() !== "x64") missing.push(`Linux on x86-64: this is ${platform()} on ${arch()}`);
  if (process.getuid?.() !== 0) missing.push("root: network namespaces and apt-get need it; run with sudo");
  if (!existsSync("/usr/bin/apt-get")) missing.push("apt-get: the tools come from Debian's packages (Debian 12)");
  if (needs.go) missing.push(...(await missingGo()));
  missing.push(...(await missingSpace(needs)));
  return missing;
}

/** @throws CodedError `machine_unfit`, with everything that is missing */
export async function requireMachine(needs: MachineNeeds): Promise<void> {
  const missing = await missingOnMachine(needs);
  if (missing.length > 0)
    throw new CodedError("machine_unfit", `this machine lacks:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
}

async function missingGo(): Promise<string[]> {
  const goMod = await readFile(join(GO_MODULES, "containerd", "go.mod"), "utf8");
  const wanted = /^go (\S+)$/m.exec(goMod)?.[1] ?? "";
  try {
    const found = (await runCommand("go", ["env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" } })).trim();
    if (compareVersions(found.replace(/^go/, ""), wanted) >= 0) return [];
    return [`Go ${wanted} or newer: this is ${found}`];
  } catch (error) {
    return [`Go ${wanted} or newer: ${messageOf(error).split("\n")[0]}`];
  }
}

async function missingSpace(needs: MachineNeeds): Promise<string[]> {
  const missing: string[] = [];
  const directory = cacheDirectory();
  await mkdir(directory, { recursive: true });
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < needs.disk)
    missing.push(`${gib(needs.disk)} of free disk at ${directory}: there are ${gib(bavail * bsize)}`);
  if (totalmem() < needs.memory) missing.push(`${gib(needs.memory)} of memory: there are ${gib(totalmem())}`);
  return missing;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

/** Negative, zero or positive as dotted version `a` is older, the same or newer than `b`; a suffix such as rc1 is left out. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map((part) => Number.parseInt(part, 10) || 0));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
