import { messageOf } from "@chatcluster/foundation/errors";
import { tool } from "../tools/index.ts";
import { type ClusterRecord, readClusterRecord } from "./cluster-record.ts";
import type { Kubectl } from "./kubectl.ts";
import { nodeName, statePaths } from "./layout.ts";
import { clusterKubectl, whatIsBroken } from "./local-cluster.ts";
import { recordedProcesses, runningProcess } from "./managed-process.ts";
import { listNodes, notReady } from "./node-status.ts";
import type { ClusterSettings } from "./settings.ts";

type Write = (line: string) => void;

/**
 * `npm run status`: writes how the cluster is.
 *
 * @returns whether all of it is well
 */
export async function status(settings: ClusterSettings, write: Write): Promise<boolean> {
  const record = readClusterRecord(settings);
  if (!record) {
    write(`There is no cluster in ${settings.state}. Start one with npm run up.`);
    return false;
  }
  const kubectl = clusterKubectl(settings, await tool("kubectl"));
  write(`cluster     ${settings.name} (${record.provider}), nodes: ${record.nodes}, state in ${settings.state}`);
  write(`kubeconfig  ${kubectl.kubeconfig}`);
  write(`way in      API server 127.0.0.1:${record.ports.api}, ingress 127.0.0.1:${record.ports.ingress}`);
  try {
    const well = record.provider === "kind" || (await localStatus(settings, record, kubectl, write));
    await objects(kubectl, write);
    return well;
  } catch (error) {
    write(`broken      ${messageOf(error)}`);
    return false;
  }
}

async function localStatus(
  settings: ClusterSettings,
  record: ClusterRecord,
  kubectl: Kubectl,
  write: Write,
): Promise<boolean> {
  const paths = statePaths(settings);
  let well = true;
  for (const name of recordedProcesses(paths).sort()) {
    const running = runningProcess(paths, name);
    write(`process     ${name.padEnd(26)} ${running ? running.pid : "does not run"}`);
    well &&= running !== undefined;
  }
  const broken = await whatIsBroken(settings, record, kubectl);
  if (broken !== undefined) {
    write(`broken      ${broken}; npm run up starts it anew`);
    return false;
  }
  const names = Array.from({ length: record.nodes }, (_, i) => nodeName(settings, i + 1));
  const missing = notReady(await listNodes(kubectl), new Map(names.map((name) => [name, new Date(0)])));
  for (const name of missing) write(`not ready   node ${name}`);
  return well && missing.length === 0;
}

async function objects(kubectl: Kubectl, write: Write): Promise<void> {
  write((await kubectl.run(["get", "nodes,pods", "--all-namespaces"])).trimEnd());
  const known = await kubectl.run(["get", "crd", "chatclusters.chatcluster.dev", "--ignore-not-found", "-o", "name"]);
  if (known !== "") write((await kubectl.run(["get", "chatclusters", "--all-namespaces"])).trimEnd());
}
