import {
  type Client,
  Deployment,
  type KubernetesObject,
  Pod,
  type ResourceKind,
  StatefulSet,
} from "../runtime/index.ts";
import { sampleChild } from "./chat-cluster-api.ts";

/** For integration tests without a kubelet: the pods of ChatCluster `sample` and its workloads' states, as Kubernetes would make them. */

/** Keeps a pod that is deleted, as its grace period would. */
const DRAINING = "chatcluster.dev/draining";

const READY = [{ type: "Ready", status: "True" }];

interface Workload {
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: { readonly volumes?: object[] } } };
}

/**
 * Has one chat server, one Redis and one Cassandra node run.
 *
 * @param network the first three bytes of their addresses
 */
export async function playWorkloads(admin: Client, namespace: string, network = "192.0.2"): Promise<void> {
  await runPod(admin, namespace, Deployment, "chat", { name: "sample-chat-1", ip: `${network}.1` });
  await runPod(admin, namespace, StatefulSet, "redis", { name: "sample-redis-0", ip: `${network}.2` });
  await runPod(admin, namespace, StatefulSet, "cassandra", { name: "sample-cassandra-0", ip: `${network}.3` });
  await isSettled(admin, namespace, Deployment, "chat");
  await isSettled(admin, namespace, StatefulSet, "redis");
  await isSettled(admin, namespace, StatefulSet, "cassandra");
}

/**
 * Rolls the one chat server: its successor is ready, and it drains.
 *
 * @param times which roll it is: the first is the second server
 * @returns what ends the drain
 */
export async function rollChatServers(
  admin: Client,
  namespace: string,
  network = "192.0.2",
  times = 1,
): Promise<() => Promise<void>> {
  await runPod(admin, namespace, Deployment, "chat", {
    name: `sample-chat-${times + 1}`,
    ip: `${network}.${times + 3}`,
  });
  const name = `sample-chat-${times}`;
  await admin.delete(Pod, { namespace, name });
  await isSettled(admin, namespace, Deployment, "chat");
  return async () => {
    await admin.mergePatch(Pod, { namespace, name }, { metadata: { finalizers: null } });
  };
}

async function runPod(
  admin: Client,
  namespace: string,
  kind: ResourceKind,
  suffix: string,
  { name, ip }: { name: string; ip: string },
): Promise<void> {
  const { spec } = (await sampleChild(admin, namespace, kind, suffix)) as KubernetesObject & Workload;
  const { metadata, spec: pod } = spec.template;
  await admin.create({
    apiVersion: Pod.apiVersion,
    kind: Pod.kind,
    metadata: { ...metadata, name, namespace, ...(suffix === "chat" && { finalizers: [DRAINING] }) },
    spec: { ...pod, volumes: [...(pod.volumes ?? []), { name: "data", emptyDir: {} }] },
  });
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions: READY };
  await admin.mergePatch(Pod, { namespace, name }, { status }, "status");
}

async function isSettled(admin: Client, namespace: string, kind: ResourceKind, suffix: string): Promise<void> {
  const { metadata } = await sampleChild(admin, namespace, kind, suffix);
  const counts = { replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 };
  const status = { observedGeneration: metadata.generation, ...counts };
  await admin.mergePatch(kind, { namespace, name: `sample-${suffix}` }, { status }, "status");
}
