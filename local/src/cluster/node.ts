import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { type Image, loadImages } from "../images/index.ts";
import { runCommand } from "../tools/command.ts";
import { writeConfig } from "./config-file.ts";
import { internalApiServer } from "./control-plane.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { network, nodeAddress, nodeName, statePaths } from "./layout.ts";
import { ensureMachine, enterMachine, machineRoot } from "./machine.ts";
import { ensureProcess, logTail, type ProcessSpec, runningProcess } from "./managed-process.ts";
import {
  CONTAINERD_SOCKET,
  renderCniConfig,
  renderContainerdConfig,
  renderKubeletConfig,
  renderKubeProxyConfig,
} from "./node-config.ts";
import { type KeyPair, leafCertificate } from "./pki.ts";
import type { ClusterSettings } from "./settings.ts";

/** The chain that kube-router puts before all that is forwarded. */
const POLICY_CHAIN = "KUBE-ROUTER-FORWARD";

export type NodeTools = Record<
  "containerd" | "ctr" | "runc" | "cni-plugins" | "kubelet" | "kube-proxy" | "kube-router" | "iptables" | "ipset",
  string
>;

/** Starts what is not running of a node: its machine, then containerd with the image for pods' sandboxes. */
export async function ensureRuntime(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  sandboxImage: Image,
): Promise<void> {
  await ensureMachine(settings, node);
  const folder = nodeFolder(settings, node);
  const cniConfig = join(folder, "cni");
  mkdirSync(cniConfig, { recursive: true });
  writeConfig(join(cniConfig, "pods.conflist"), renderCniConfig(node));
  const config = renderContainerdConfig({
    runc: tools.runc,
    cniPlugins: tools["cni-plugins"],
    cniConfig,
    sandboxImage: sandboxImage.ref,
  });
  const configFile = join(folder, "containerd.toml");
  writeConfig(configFile, config);
  const spec: ProcessSpec = {
    name: `node-${node}-containerd`,
    enter: enterMachine(settings, node),
    forks: true,
    command: [tools.containerd, "--config", configFile],
    // containerd looks for its shim on the PATH.
    env: { PATH: searchPath(dirname(tools.containerd)) },
    reads: [config],
  };
  if (await ensureProcess(statePaths(settings), spec)) {
    await until(
      () => existsSync(join(machineRoot(settings, node), CONTAINERD_SOCKET)),
      `containerd of node ${node} listens`,
      20_000,
      { every: 20, detail: () => logTail(statePaths(settings), spec.name) },
    );
    await importImages(settings, node, tools.ctr, [sandboxImage]);
  }
}

/**
 * Starts what is not running of a node's Kubernetes: kubelet and kube-proxy. They need the API server.
 *
 * @returns whether kubelet was started
 */
export async function ensureKubernetes(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  authority: KeyPair,
): Promise<boolean> {
  await ensureProcess(statePaths(settings), await kubeProxyProcess(settings, node, tools, authority));
  return ensureProcess(statePaths(settings), await kubeletProcess(settings, node, tools, authority));
}

/**
 * Starts kube-router if it does not run, and waits until it enforces NetworkPolicies. The node must have registered itself: without it kube-router
 * ends at once.
 */
export async function ensureNetworkPolicies(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  authority: KeyPair,
): Promise<void> {
  const spec = await kubeRouterProcess(settings, node, tools, authority);
  await ensureProcess(statePaths(settings), spec);
  const [enter, ...rest] = [...enterMachine(settings, node), tools.iptables];
  const enforces = async () => {
    // The rules of one that has ended are still there, and get no newer.
    if (!runningProcess(statePaths(settings), spec.name))
      throw new CodedError("process_failed", `${spec.name} has ended; ${logTail(statePaths(settings), spec.name)}`);
    return runCommand(enter as string, [...rest, "--wait", "--list-rules", POLICY_CHAIN]).then(
      () => true,
      () => false,
    );
  };
  await until(enforces, `kube-router of node ${node} enforces NetworkPolicies`, 30_000, {
    every: 100,
    detail: () => logTail(statePaths(settings), spec.name),
  });
}

/** Imports images that the node does not have yet; an image's reference says its content, so that one of the same name is the same. */
export async function importImages(
  settings: ClusterSettings,
  node: number,
  ctr: string,
  images: readonly Image[],
): Promise<void> {
  await loadImages(images, (args) => runCtr(settings, node, ctr, args));
}

/** Runs containerd's command line on a node, in the name space of Kubernetes. */
export async function runCtr(
  settings: ClusterSettings,
  node: number,
  ctr: string,
  args: readonly string[],
): Promise<string> {
  const [enter, ...rest] = enterMachine(settings, node);
  return runCommand(enter as string, [...rest, ctr, "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", ...args]);
}

async function kubeletProcess(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  authority: KeyPair,
): Promise<ProcessSpec> {
  const { pki } = statePaths(settings);
  const name = nodeName(settings, node);
  const folder = nodeFolder(settings, node);
  const client = await leafCertificate(pki, authority, {
    name: `node-${node}-client`,
    commonName: `system:node:${name}`,
    organization: "system:nodes",
    usages: ["client"],
  });
  const serving = await leafCertificate(pki, authority, {
    name: `node-${node}-serving`,
    commonName: name,
    usages: ["server"],
    hosts: [name, nodeAddress(node)],
  });
  const kubeconfig = join(folder, "kubelet.kubeconfig");
  const kubeconfigText = writeKubeconfig(kubeconfig, {
    server: internalApiServer,
    cluster: settings.name,
    user: `system:node:${name}`,
    authority,
    client,
  });
  const config = renderKubeletConfig(settings, node, {
    authority: authority.certificateFile,
    certificate: serving.certificateFile,
    key: serving.keyFile,
  });
  const configFile = join(folder, "kubelet.yaml");
  writeConfig(configFile, config);
  return {
    name: `node-${node}-kubelet`,
    enter: enterMachine(settings, node),
    forks: true,
    command: [
      tools.kubelet,
      `--config=${configFile}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${name}`,
      `--node-ip=${nodeAddress(node)}`,
    ],
    env: { PATH: searchPath(dirname(tools.iptables)) },
    reads: [config, kubeconfigText, serving.certificate],
  };
}

async function kubeProxyProcess(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  authority: KeyPair,
): Promise<ProcessSpec> {
  const kubeconfig = await userKubeconfig(settings, node, authority, "kube-proxy");
  const config = renderKubeProxyConfig(settings, node, kubeconfig.file);
  const configFile = join(nodeFolder(settings, node), "kube-proxy.yaml");
  writeConfig(configFile, config);
  return {
    name: `node-${node}-kube-proxy`,
    enter: enterMachine(settings, node),
    forks: true,
    command: [tools["kube-proxy"], `--config=${configFile}`],
    env: { PATH: searchPath(dirname(tools.iptables)) },
    reads: [config, kubeconfig.text],
  };
}

/** Of kube-router only what enforces NetworkPolicies: routes are the CNI plugin's, Services kube-proxy's. */
async function kubeRouterProcess(
  settings: ClusterSettings,
  node: number,
  tools: NodeTools,
  authority: KeyPair,
): Promise<ProcessSpec> {
  const kubeconfig = await userKubeconfig(settings, node, authority, "kube-router");
  return {
    name: `node-${node}-kube-router`,
    enter: enterMachine(settings, node),
    forks: true,
    command: [
      tools["kube-router"],
      "--run-firewall=true",
      "--run-router=false",
      "--run-service-proxy=false",
      `--kubeconfig=${kubeconfig.file}`,
      `--hostname-override=${nodeName(settings, node)}`,
      `--service-cluster-ip-range=${network.serviceRange}`,
    ],
    env: { PATH: searchPath(dirname(tools.iptables)) },
    reads: [kubeconfig.text],
  };
}

/** For a part of the node that is the same user, `system:NAME`, on every node. */
async function userKubeconfig(
  settings: ClusterSettings,
  node: number,
  authority: KeyPair,
  name: string,
): Promise<{ file: string; text: string }> {
  const user = `system:${name}`;
  const client = await leafCertificate(statePaths(settings).pki, authority, {
    name,
    commonName: user,
    usages: ["client"],
  });
  const file = join(nodeFolder(settings, node), `${name}.kubeconfig`);
  const cluster = settings.name;
  return { file, text: writeKubeconfig(file, { server: internalApiServer, cluster, user, authority, client }) };
}

/** Where a node's configuration files are; seen by the same path inside and outside its machine. */
function nodeFolder(settings: ClusterSettings, node: number): string {
  const folder = statePaths(settings).node(node);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function searchPath(first: string): string {
  return `${first}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}
