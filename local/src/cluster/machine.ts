import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { makeCgroup, removeCgroup } from "./cgroups.ts";
import { nodeName, statePaths } from "./layout.ts";
import { ensureProcess, logTail, type ProcessSpec, runningProcess, stopProcess } from "./managed-process.ts";
import { enterNetwork } from "./namespaces.ts";
import type { ClusterSettings } from "./settings.ts";

/**
 * What makes a node a machine of its own: a network namespace, a namespace of process ids and one of mounts, held by an init process.
 *
 * Ending that init is what pulling the plug is to a machine: the kernel ends every process of the node at once, and every mount that
 * kubelet and containerd made goes with the last of them. Nothing of a node's mounts is seen outside. The folders that are mounted on
 * stay behind empty: removing one would take it away under another cluster's machines.
 */

/** The folders that a node has for itself: the path by which its programs know them, and where they are kept. */
export function privateFolders(settings: ClusterSettings, node: number): Record<string, string> {
  const own = statePaths(settings).node(node);
  return {
    "/var/lib/kubelet": join(own, "kubelet"),
    "/var/lib/containerd": join(own, "containerd"),
    "/var/log": join(own, "log"),
    // Where kube-controller-manager's host path provisioner makes volumes; the same on every node.
    [VOLUMES]: statePaths(settings).volumes,
  };
}

export const VOLUMES = "/tmp/hostpath_pv";
/** Addresses that the CNI plugins gave out, forgotten when the machine starts anew, as are the pods that had them. */
export const CNI_STATE = "/var/lib/cni";

/** The init of a machine: mounts what is private, says that it is ready, then reaps orphans until it is ended. */
export function initScript(folders: Readonly<Record<string, string>>): string {
  return [
    "set -eu",
    "mount -t proc proc /proc",
    "mount -t tmpfs -o mode=755 tmpfs /run",
    `mount -t tmpfs -o mode=755 tmpfs ${CNI_STATE}`,
    ...Object.entries(folders).map(([inside, outside]) => `mount --bind ${outside} ${inside}`),
    "mkdir -p /run/netns /run/lock",
    "touch /run/machine-ready",
    // bash reaps the children of others that fall to it while it waits.
    "trap 'exit 0' TERM",
    "sleep infinity & wait",
  ].join("\n");
}

export function machineProcess(node: number): string {
  return `node-${node}-machine`;
}

/** Starts the node's init if it does not run, and waits until the machine can be entered. */
export async function ensureMachine(settings: ClusterSettings, node: number): Promise<void> {
  const folders = privateFolders(settings, node);
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const folder of [...Object.keys(folders), CNI_STATE]) mkdirSync(folder, { recursive: true });
  makeCgroup(nodeName(settings, node));
  const spec: ProcessSpec = {
    name: machineProcess(node),
    enter: [
      ...enterNetwork(settings, node),
      ..."unshare --mount --propagation private --pid --fork --kill-child".split(" "),
    ],
    forks: true,
    command: ["bash", "-c", initScript(folders)],
  };
  await ensureProcess(statePaths(settings), spec);
  await until(
    () => existsSync(join(machineRoot(settings, node), "run/machine-ready")),
    `node ${node}'s own mounts`,
    5_000,
    { every: 5, detail: () => logTail(statePaths(settings), spec.name) },
  );
}

/** The command that enters a running machine. */
export function enterMachine(settings: ClusterSettings, node: number): string[] {
  return ["nsenter", "--target", String(machineInit(settings, node)), "--mount", "--pid", "--net", "--"];
}

/** The root folder of a machine as seen from outside. */
export function machineRoot(settings: ClusterSettings, node: number): string {
  return `/proc/${machineInit(settings, node)}/root`;
}

export function machineRuns(settings: ClusterSettings, node: number): boolean {
  return runningProcess(statePaths(settings), machineProcess(node)) !== undefined;
}

/** Ends all that runs on the node at once, as a loss of power would. */
export async function killMachine(settings: ClusterSettings, node: number): Promise<void> {
  await stopProcess(statePaths(settings), machineProcess(node), "SIGKILL");
  await removeCgroup(nodeName(settings, node));
}

function machineInit(settings: ClusterSettings, node: number): number {
  const init = runningProcess(statePaths(settings), machineProcess(node));
  if (!init) throw new CodedError("node_down", `node ${node} of ${settings.name} does not run`);
  return init.pid;
}
