import { isDeepStrictEqual } from "node:util";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisServers } from "../api/spec/redis.ts";
import type { ChatClusterStatus } from "../api/status.ts";
import { type Component, childName } from "../resource/names.ts";
import { sentinelNames } from "../resource/redis-members.ts";
import {
  Deployment,
  findCondition,
  HttpRoute,
  Ingress,
  type KubernetesObject,
  keyOf,
  mergePatchOf,
  StatefulSet,
} from "../runtime/index.ts";
import { chatClusterStatus } from "../status/chat-cluster-status.ts";
import type { Observation, WorkloadState } from "../status/observation.ts";
import { EXTERNAL, workloadState } from "../status/workload-state.ts";
import type { ConcernContext } from "./dependencies.ts";
import { childInformer } from "./informers.ts";
import { podsOf } from "./pods.ts";

/** What the reconcile of the other concerns found out. */
export type Findings = Pick<
  Observation,
  | "credentials"
  | "ring"
  | "ringWork"
  | "redisView"
  | "ingressProblem"
  | "passwords"
  | "scaling"
  | "draining"
  | "connections"
  | "problems"
  | "failures"
> & { readonly desiredServers: number | undefined };

/** Writes the status if it says anything new, and an Event when the cluster becomes ready or stops to be. */
export async function reconcileStatus(
  context: ConcernContext,
  cluster: ChatCluster,
  findings: Findings,
): Promise<void> {
  const { desiredServers, ...found } = findings;
  const { servers, cassandra, ingress, redis } = cluster.spec;
  const observation: Observation = {
    cluster,
    ...found,
    chat: stateOf(context, cluster, "chat", servers.replicas ?? servers.min),
    ...(redis.mode !== "external" && { redis: stateOf(context, cluster, "redis", redisServers(redis)) }),
    ...(redis.mode === "sentinel" && {
      sentinel: stateOf(context, cluster, "sentinel", sentinelNames(cluster).length),
    }),
    ...(cassandra.snapshots && { snapshots: stateOf(context, cluster, "snapshots", 1) }),
    cassandra: cassandra.external ? EXTERNAL : stateOf(context, cluster, "cassandra", cassandra.nodes),
    ingress: stateOf(context, cluster, "ingress", ingress.mode === "Managed" ? ingress.replicas : 0),
    wayIn: wayIn(context, cluster),
  };
  await writeStatus(context, cluster, chatClusterStatus(observation, desiredServers, context.clock));
}

/** Writes a status that differs from the one that is there. */
export async function writeStatus(
  { client, informers, events }: ConcernContext,
  cluster: ChatCluster,
  status: ChatClusterStatus,
): Promise<void> {
  if (isDeepStrictEqual(status, cluster.status)) return;
  // What is over in the ring is taken out; the rest stays as it was known last.
  const ring = status.cassandra;
  // The uid makes it fail for another ChatCluster that has taken the name since.
  const written = await client.mergePatch(
    client.scheme.kindOf(cluster),
    { namespace: cluster.metadata.namespace, name: cluster.metadata.name },
    {
      metadata: { uid: cluster.metadata.uid },
      status: { ...status, ...(ring && { cassandra: mergePatchOf(cluster.status?.cassandra, ring) }) },
    },
    "status",
  );
  informers.chatClusters.observe(written);
  for (const type of ["Ready", "Degraded"]) {
    const before = findCondition(cluster.status?.conditions, type)?.status ?? "False";
    const now = findCondition(status.conditions, type);
    if (!now || now.status === before) continue;
    const isGood = (type === "Ready") === (now.status === "True");
    const reason = now.status === "True" ? type : `Not${type}`;
    events.record(cluster, {
      type: isGood ? "Normal" : "Warning",
      reason,
      action: "Reconcile",
      note: `${now.reason}: ${now.message}`,
    });
  }
}

/** The Ingress or the HTTPRoute, where the spec wants one and it is there. */
function wayIn({ informers }: ConcernContext, cluster: ChatCluster): KubernetesObject | undefined {
  const { ingress, gateway } = cluster.spec.ingress;
  if (!ingress && !gateway) return undefined;
  const name = childName(cluster, "ingress");
  return childInformer(informers, ingress ? Ingress : HttpRoute).get(keyOf({ ...cluster.metadata, name }));
}

function stateOf(
  { informers }: ConcernContext,
  cluster: ChatCluster,
  component: Component,
  wanted: number,
): WorkloadState {
  const kind = component === "chat" || component === "ingress" ? Deployment : StatefulSet;
  const key = keyOf({ namespace: cluster.metadata.namespace, name: childName(cluster, component) });
  return workloadState(childInformer(informers, kind).get(key), podsOf(informers, cluster, component), wanted);
}
