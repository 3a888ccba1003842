import { existsSync } from "node:fs";
import { until } from "@chatcluster/foundation/until";
import { runCommand } from "../tools/command.ts";
import { MAX_NODES, network, networkNamespace, nodeAddress, nodeName, nodePodRange } from "./layout.ts";
import { identify, type ProcessIdentity, signal } from "./process-identity.ts";
import type { ClusterSettings } from "./settings.ts";

/** The bridge in the first node's namespace that carries its address and joins the other nodes. */
const BRIDGE = "nodes0";

/** Runs `ip` (iproute2) with its arguments as one text. */
async function ip(command: string): Promise<string> {
  return runCommand("ip", command.split(" "));
}

/** The command that enters a node's network namespace. Not `ip netns exec`, which would hide the cgroup mounts. */
export function enterNetwork(settings: ClusterSettings, node: number): string[] {
  return ["nsenter", `--net=${networkNamespace(settings, node)}`, "--"];
}

export function hasNamespace(settings: ClusterSettings, node: number): boolean {
  return existsSync(networkNamespace(settings, node));
}

/**
 * Makes the network namespaces of nodes 1 to `nodes` where they are absent, and the routes between them. There is no way from them to
 * the machine's own network: no interface of a namespace ends outside.
 */
export async function ensureNamespaces(settings: ClusterSettings, nodes: number): Promise<void> {
  for (let node = 1; node <= nodes; node++) {
    if (hasNamespace(settings, node)) continue;
    const name = nodeName(settings, node);
    await ip(`netns add ${name}`);
    await ip(`-n ${name} link set lo up`);
    await setSysctl(settings, node, "net/ipv4/ip_forward", "1");
    if (node === 1) await addBridge(name);
    else await joinBridge(settings, node);
  }
  for (let from = 1; from <= nodes; from++) {
    for (let to = 1; to <= nodes; to++) {
      if (from !== to)
        await ip(`-n ${nodeName(settings, from)} route replace ${nodePodRange(to)} via ${nodeAddress(to)}`);
    }
  }
}

async function addBridge(name: string): Promise<void> {
  await ip(`-n ${name} link add ${BRIDGE} type bridge`);
  await setAddress(name, BRIDGE, 1);
}

async function joinBridge(settings: ClusterSettings, node: number): Promise<void> {
  const [first, name] = [nodeName(settings, 1), nodeName(settings, node)];
  await ip(`-n ${first} link add node${node} type veth peer name eth0 netns ${name}`);
  await ip(`-n ${first} link set node${node} master ${BRIDGE} up`);
  await setAddress(name, "eth0", node);
}

async function setAddress(namespace: string, link: string, node: number): Promise<void> {
  await ip(`-n ${namespace} addr add ${nodeAddress(node)}/24 dev ${link}`);
  await ip(`-n ${namespace} link set ${link} up`);
  // A process of the node that dials a Service needs a route before netfilter can rewrite the address.
  await ip(`-n ${namespace} route add ${network.serviceRange} dev ${link} src ${nodeAddress(node)}`);
}

async function setSysctl(settings: ClusterSettings, node: number, key: string, value: string): Promise<void> {
  const [command, ...enter] = enterNetwork(settings, node);
  await runCommand(command as string, [...enter, "sh", "-c", `echo ${value} > /proc/sys/${key}`]);
}

/** Ends what still runs in the network namespaces of nodes `from` and up, then deletes them. */
export async function deleteNamespaces(settings: ClusterSettings, from = 1): Promise<void> {
  for (let node = MAX_NODES; node >= from; node--) {
    if (!hasNamespace(settings, node)) continue;
    const left = await processesIn(settings, node);
    for (const each of left) signal(each, "SIGKILL");
    await until(
      async () => (await processesIn(settings, node)).length === 0,
      `the processes in network namespace ${nodeName(settings, node)} end`,
      10_000,
    );
    await ip(`netns delete ${nodeName(settings, node)}`);
  }
}

/** The processes whose network is the node's own; those of pods have networks of theirs. */
async function processesIn(settings: ClusterSettings, node: number): Promise<ProcessIdentity[]> {
  const output = await ip(`netns pids ${nodeName(settings, node)}`);
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => identify(Number(line)))
    .filter((identity) => identity !== undefined);
}
