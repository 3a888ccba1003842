import { CodedError } from "@chatcluster/foundation/errors";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { readClusterRecord } from "./cluster-record.ts";
import { clusterIdentity, controlPlane } from "./control-plane.ts";
import type { Kubectl } from "./kubectl.ts";
import { nodeName, statePaths } from "./layout.ts";
import { clusterKubectl, startNode } from "./local-cluster.ts";
import { killMachine } from "./machine.ts";
import { ensureProcess, stopProcess } from "./managed-process.ts";
import { enterNetwork } from "./namespaces.ts";
import { runCtr } from "./node.ts";
import { type ClusterSettings, loadSettings } from "./settings.ts";
import { buildSandboxImage, clusterTools } from "./tools.ts";

export type ControlPlaneProcess = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler";

/** A running local cluster, with what tests do to one. */
export type LocalCluster = {
  /** Path of the administrator's kubeconfig. */
  kubeconfig: string;
  /** URL of the API server. */
  apiServer: string;
  /** Origin (`http://127.0.0.1:PORT`) of the ChatCluster's ingress. */
  ingress: string;
  /** Names of the nodes; the first has number 1. */
  nodes: readonly string[];
  kubectl: Kubectl;
  /** The words to put before a command so that it runs in the first node's network: it reaches pods, Services and nodes. */
  enterNetwork: readonly string[];
  /**
   * Kills the main process of a pod's container with SIGKILL, as the kernel does when memory is out. kubelet restarts the container.
   *
   * @param container the pod's only container when absent
   * @throws CodedError `no_such_container`
   */
  killContainer(namespace: string, pod: string, container?: string): Promise<void>;
  /** Ends all of a node at once, as a loss of power would. The first node's loss leaves the control plane. */
  stopNode(node: number): Promise<void>;
  /** Starts a stopped node; resolves when it is Ready. */
  startNode(node: number): Promise<void>;
  /** Kills a process of the control plane with SIGKILL. */
  stopControlPlane(name: ControlPlaneProcess): Promise<void>;
  /** Starts what was stopped of the control plane; resolves before it is ready. */
  startControlPlane(name: ControlPlaneProcess): Promise<void>;
};

const podSchema = Type.Object({
  spec: Type.Object({ nodeName: Type.String() }),
  status: Type.Object({
    containerStatuses: Type.Array(Type.Object({ name: Type.String(), containerID: Type.Optional(Type.String()) })),
  }),
});

/**
 * The local cluster that `npm run up` made.
 *
 * @throws CodedError `no_cluster` when there is none
 */
export async function connectCluster(settings: ClusterSettings = loadSettings()): Promise<LocalCluster> {
  const record = readClusterRecord(settings);
  if (!record?.complete)
    throw new CodedError("no_cluster", `there is no local cluster in ${settings.state}: start one with npm run up`);
  if (record.provider !== "local")
    throw new CodedError(
      "no_cluster",
      "the running cluster is one of kind, whose nodes and pods can't be killed from here",
    );
  const tools = await clusterTools();
  const kubectl = clusterKubectl(settings, tools.kubectl);
  const paths = statePaths(settings);
  const nodes = Array.from({ length: record.nodes }, (_, i) => nodeName(settings, i + 1));
  return {
    kubeconfig: paths.kubeconfig,
    apiServer: `https://127.0.0.1:${record.ports.api}`,
    ingress: `http://127.0.0.1:${record.ports.ingress}`,
    nodes,
    kubectl,
    enterNetwork: enterNetwork(settings, 1),
    async killContainer(namespace, pod, container) {
      const found = containerOf(await kubectl.json(["get", "pod", pod, "--namespace", namespace]), container);
      if (!found)
        throw new CodedError(
          "no_such_container",
          `pod ${namespace}/${pod} runs no container ${container ?? ""}`.trimEnd(),
        );
      const node = nodes.indexOf(found.node) + 1;
      await runCtr(settings, node, tools.ctr, ["tasks", "kill", "--signal", "SIGKILL", found.id]);
    },
    stopNode: (node) => killMachine(settings, node),
    startNode: async (node) =>
      startNode(settings, node, { tools, sandboxImage: await buildSandboxImage(() => undefined) }),
    stopControlPlane: (name) => stopProcess(paths, name, "SIGKILL"),
    async startControlPlane(name) {
      const { apiServer, clients } = await controlPlane(settings, tools, await clusterIdentity(settings));
      for (const spec of [...apiServer, ...clients]) if (spec.name === name) await ensureProcess(paths, spec);
    },
  };
}

/** The node and the containerd id of a running container of a pod as the API server describes it. */
export function containerOf(pod: unknown, container?: string): { node: string; id: string } | undefined {
  if (!Value.Check(podSchema, pod)) return undefined;
  const statuses = pod.status.containerStatuses.filter(({ name }) => container === undefined || name === container);
  const id = statuses.length === 1 ? statuses[0]?.containerID?.replace(/^containerd:\/\//, "") : undefined;
  return id === undefined || id === "" ? undefined : { node: pod.spec.nodeName, id };
}
