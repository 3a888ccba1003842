import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import type { Image } from "../images/index.ts";
import { renderBaseObjects } from "./base-objects.ts";
import { removeCgroup } from "./cgroups.ts";
import { type ClusterRecord, readClusterRecord, removeClusterRecord, writeClusterRecord } from "./cluster-record.ts";
import { type ClusterIdentity, type ControlPlaneTools, clusterIdentity, controlPlane } from "./control-plane.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { type Kubectl, kubectlFor } from "./kubectl.ts";
import { MAX_NODES, nodeName, statePaths } from "./layout.ts";
import { killMachine } from "./machine.ts";
import {
  ensureProcess,
  logTail,
  type ProcessSpec,
  recordedProcesses,
  runningProcess,
  stopProcess,
} from "./managed-process.ts";
import { deleteNamespaces, ensureNamespaces, hasNamespace } from "./namespaces.ts";
import { ensureKubernetes, ensureNetworkPolicies, ensureRuntime, type NodeTools } from "./node.ts";
import { waitForNodes } from "./node-status.ts";
import type { ClusterSettings } from "./settings.ts";
import type { StepProgress, Steps } from "./steps.ts";
import { type WayInPorts, wayInProcess } from "./way-in.ts";

export type ClusterTools = ControlPlaneTools & NodeTools & Record<"haproxy" | "kubectl", string>;

/** What a cluster shall be. */
export type ClusterWish = { nodes: number; ports: WayInPorts };

/** What a cluster is made of. */
export type ClusterParts = { tools: ClusterTools; sandboxImage: Image };

/** The processes without which there is no cluster; a node that is down can be started again, without these it starts anew. */
const CONTROL_PLANE = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "coredns",
  "open-volumes",
];

/** Milliseconds, on a machine that may be busy. */
const API_SERVER_START = 90_000;

export function clusterKubectl(settings: ClusterSettings, program: string): Kubectl {
  const { kubeconfig, kubectlCache } = statePaths(settings);
  return kubectlFor(program, kubeconfig, kubectlCache);
}

/**
 * Brings the cluster to what is wished: a healthy one is kept and changed, a broken one and what a killed run left is removed first.
 *
 * @returns when every node is Ready
 * @throws CodedError
 */
export async function ensureCluster(
  settings: ClusterSettings,
  wish: ClusterWish,
  parts: ClusterParts,
  steps: Steps,
): Promise<Kubectl> {
  const record = readClusterRecord(settings);
  const kubectl = clusterKubectl(settings, parts.tools.kubectl);
  const broken = await whatIsBroken(settings, record, kubectl);
  if (broken !== undefined) await cleanFirst(settings, broken, steps);
  try {
    await bringUp(settings, wish, parts, steps);
  } catch (error) {
    if (broken !== undefined) throw error;
    await cleanFirst(settings, messageOf(error), steps);
    await bringUp(settings, wish, parts, steps);
  }
  return kubectl;
}

/** Why the cluster that was there before can't be kept; undefined when it can. */
export async function whatIsBroken(
  settings: ClusterSettings,
  record: ClusterRecord | undefined,
  kubectl: Kubectl,
): Promise<string | undefined> {
  if (!record) return "there is no cluster yet";
  if (record.provider !== "local") return "it was one of kind";
  if (!record.complete) return "its start was not finished";
  for (let node = 1; node <= record.nodes; node++)
    if (!hasNamespace(settings, node)) return `network namespace ${nodeName(settings, node)} is gone`;
  for (const name of CONTROL_PLANE) if (!runningProcess(statePaths(settings), name)) return `${name} does not run`;
  try {
    await kubectl.run(["get", "--raw", "/readyz", "--request-timeout=5s"]);
  } catch (error) {
    return `its API server is not ready: ${messageOf(error)}`;
  }
  return undefined;
}

async function cleanFirst(settings: ClusterSettings, reason: string, steps: Steps): Promise<void> {
  await steps.run(`Starting afresh (${reason.split("\n")[0]})`, () => removeCluster(settings));
}

/** Ends and removes all of a cluster but its logs and certificates; what is not there is no error. */
export async function removeCluster(settings: ClusterSettings): Promise<void> {
  const paths = statePaths(settings);
  for (let node = 1; node <= MAX_NODES; node++) await killMachine(settings, node);
  // All that they would save is removed below, so none needs time to end.
  for (const name of recordedProcesses(paths)) await stopProcess(paths, name, "SIGKILL");
  await deleteNamespaces(settings);
  for (let node = 1; node <= MAX_NODES; node++) await removeCgroup(nodeName(settings, node));
  for (const path of [paths.etcd, paths.nodes, paths.volumes, paths.processes, paths.config, paths.kubectlCache])
    rmSync(path, { recursive: true, force: true });
  rmSync(paths.kubeconfig, { force: true });
  removeClusterRecord(settings);
}

async function bringUp(settings: ClusterSettings, wish: ClusterWish, parts: ClusterParts, steps: Steps): Promise<void> {
  const paths = statePaths(settings);
  const kubectl = clusterKubectl(settings, parts.tools.kubectl);
  const before = readClusterRecord(settings);
  mkdirSync(paths.config, { recursive: true, mode: 0o700 });
  const record: ClusterRecord = {
    format: 1,
    provider: "local",
    ...wish,
    complete: before?.complete ?? false,
  };
  writeClusterRecord(settings, { ...record, nodes: Math.max(before?.nodes ?? 0, wish.nodes) });
  const identity = await steps.run("Certificates and network", async () => {
    await ensureNamespaces(settings, wish.nodes);
    return writeIdentity(settings, wish.ports);
  });
  await steps.run("Control plane and container runtimes", async (progress) => {
    await Promise.all([
      startControlPlane(settings, wish, parts, identity, kubectl, progress),
      ...numbers(wish.nodes).map((node) => ensureRuntime(settings, node, parts.tools, parts.sandboxImage)),
    ]);
  });
  await steps.run(wish.nodes === 1 ? "Node" : `${wish.nodes} nodes`, async (progress) => {
    if (before) await removeNodes(settings, kubectl, wish.nodes, before.nodes);
    await startNodes(settings, wish.nodes, parts.tools, identity, kubectl, progress);
  });
  writeClusterRecord(settings, { ...record, complete: true });
}

async function writeIdentity(settings: ClusterSettings, ports: WayInPorts): Promise<ClusterIdentity> {
  const identity = await clusterIdentity(settings);
  writeKubeconfig(statePaths(settings).kubeconfig, {
    server: `https://127.0.0.1:${ports.api}`,
    cluster: settings.name,
    user: "admin",
    authority: identity.authority,
    client: identity.admin,
  });
  return identity;
}

async function startControlPlane(
  settings: ClusterSettings,
  wish: ClusterWish,
  { tools }: ClusterParts,
  identity: ClusterIdentity,
  kubectl: Kubectl,
  progress: StepProgress,
): Promise<void> {
  const paths = statePaths(settings);
  const { apiServer, clients } = await controlPlane(settings, tools, identity);
  const first = [...apiServer, wayInProcess(settings, tools.haproxy, wish.ports, wish.nodes)];
  for (const spec of first) await ensureProcess(paths, spec);
  progress("waiting for the API server");
  await until(
    () => answers(kubectl, ["get", "--raw", "/readyz"], () => assertRuns(settings, first)),
    "the API server is ready",
    API_SERVER_START,
    { every: 150, detail: () => logTail(paths, "kube-apiserver") },
  );
  // Not before: they end when their roles are not there yet.
  for (const spec of [...clients, openVolumesProcess(settings)]) await ensureProcess(paths, spec);
  await kubectl.run(["wait", "--for=create", "namespace/kube-system", "--timeout=30s"]);
  await kubectl.run(
    ["apply", "--server-side", "--force-conflicts", "--field-manager=chatcluster-local", "-f", "-"],
    renderBaseObjects(),
  );
}

function openVolumesProcess(settings: ClusterSettings): ProcessSpec {
  const program = fileURLToPath(new URL("open-volumes.ts", import.meta.url));
  return {
    name: "open-volumes",
    command: [process.execPath, "--max-old-space-size=32", program, statePaths(settings).volumes],
  };
}

/** Starts nodes that are down or new and waits until all are Ready and pods can be made. */
async function startNodes(
  settings: ClusterSettings,
  nodes: number,
  tools: ClusterTools,
  { authority }: ClusterIdentity,
  kubectl: Kubectl,
  progress: StepProgress,
): Promise<void> {
  const awaited = new Map<string, Date>();
  for (const node of numbers(nodes)) {
    const now = new Date();
    const started = await ensureKubernetes(settings, node, tools, authority);
    awaited.set(nodeName(settings, node), started ? now : new Date(0));
  }
  await waitForNodes(awaited, kubectl, progress, () => logTail(statePaths(settings), "node-1-kubelet"));
  await Promise.all(numbers(nodes).map((node) => ensureNetworkPolicies(settings, node, tools, authority)));
  await kubectl.run(["wait", "--for=create", "serviceaccount/default", "--namespace=default", "--timeout=30s"]);
}

/**
 * Starts a node of a running cluster that was killed.
 *
 * @returns when it is Ready
 */
export async function startNode(settings: ClusterSettings, node: number, parts: ClusterParts): Promise<void> {
  const kubectl = clusterKubectl(settings, parts.tools.kubectl);
  const { authority } = await clusterIdentity(settings);
  const now = new Date();
  await ensureRuntime(settings, node, parts.tools, parts.sandboxImage);
  await ensureKubernetes(settings, node, parts.tools, authority);
  const detail = () => logTail(statePaths(settings), `node-${node}-kubelet`);
  await waitForNodes(new Map([[nodeName(settings, node), now]]), kubectl, () => undefined, detail);
  await ensureNetworkPolicies(settings, node, parts.tools, authority);
}

/** Takes nodes out of the cluster that are more than wished. */
async function removeNodes(settings: ClusterSettings, kubectl: Kubectl, keep: number, had: number): Promise<void> {
  const paths = statePaths(settings);
  for (let node = had; node > keep; node--) {
    await moveAway(kubectl, nodeName(settings, node));
    await kubectl.run(["delete", "node", nodeName(settings, node), "--ignore-not-found"]);
    await killMachine(settings, node);
    for (const name of recordedProcesses(paths))
      if (name.startsWith(`node-${node}-`)) await stopProcess(paths, name, "SIGKILL");
    rmSync(paths.node(node), { recursive: true, force: true });
  }
  await deleteNamespaces(settings, keep + 1);
}

/** Pods of a node that works end in order, to be made elsewhere: those of one that is gone count as ready for a while. One that is dead has nothing to end. */
async function moveAway(kubectl: Kubectl, node: string): Promise<void> {
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  const status = await kubectl.run(["get", "node", node, "--ignore-not-found", "-o", `jsonpath=${ready}`]);
  if (status !== "True") return;
  // Deleted, not evicted: a budget for disruptions must not keep a machine that its owner takes away.
  const how = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--disable-eviction"];
  await kubectl.run(["drain", node, ...how, "--timeout=120s"]);
}

/** Whether kubectl succeeds; an error that says the server is not there yet is no answer. */
async function answers(kubectl: Kubectl, args: readonly string[], check: () => void): Promise<boolean> {
  check();
  try {
    await kubectl.run(args);
    return true;
  } catch (error) {
    if (error instanceof CodedError && error.code === "kubectl_failed") return false;
    throw error;
  }
}

function assertRuns(settings: ClusterSettings, specs: readonly ProcessSpec[]): void {
  const paths = statePaths(settings);
  for (const { name } of specs)
    if (!runningProcess(paths, name))
      throw new CodedError("process_failed", `${name} has ended; ${logTail(paths, name)}`);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
