import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { AgentAddress } from "../cassandra-agent/client.ts";
import { type AskedNode, nextScaleDownStep, type ScaleDownStep } from "../cassandra-ring/scale-down.ts";
import { childName } from "../resource/names.ts";
import type { KubernetesObject } from "../runtime/index.ts";
import { annotateClaim, claimOfNode } from "./cassandra-claims.ts";
import type { ConcernContext } from "./dependencies.ts";
import { isTerminating, type PodObject, podsOf } from "./pods.ts";
import type { RingWork } from "./ring-work.ts";

/** On a node's volume claim, which outlives its pod: the host id of the node that leaves, or has left, the ring. */
export const LEAVING_ANNOTATION = "chatcluster.dev/decommissioned-host-id";
/** Milliseconds between two looks at a node that leaves. */
const POLL_MS = 2_000;

export interface ScaleDownOutcome extends RingWork {
  /** Pods that there should be from here on. */
  readonly replicas: number;
}

/**
 * Takes the last of `current` nodes a step further on its way out of the ring, if the spec wants fewer or it has begun to leave.
 *
 * @param mayBegin false while something else has to come first, such as fewer copies
 */
export async function advanceScaleDown(
  context: ConcernContext,
  cluster: ChatCluster,
  token: string,
  { current, mayBegin }: { current: number; mayBegin: boolean },
): Promise<ScaleDownOutcome> {
  const name = `${childName(cluster, "cassandra")}-${current - 1}`;
  const claim = claimOfNode(context, cluster, current - 1);
  const notedHostId = claim?.metadata.annotations?.[LEAVING_ANNOTATION];
  const wanted = cluster.spec.cassandra.nodes < current;
  const stays = { replicas: current };
  if (notedHostId === undefined && !wanted) return stays;
  if (notedHostId === undefined && !mayBegin) return { ...stays, waitMs: POLL_MS };
  if (!claim) return { ...stays, work: leaving(`${name} has no volume claim yet`), waitMs: POLL_MS };
  const names = Array.from({ length: current }, (_, ordinal) => `${childName(cluster, "cassandra")}-${ordinal}`);
  const asked = await Promise.all(names.map((pod) => ask(context, cluster, token, pod)));
  const step = nextScaleDownStep({
    leaving: asked[current - 1] as AskedNode,
    others: asked.slice(0, -1),
    notedHostId,
    wanted,
  });
  return act(context, cluster, token, { name, claim, step, current });
}

async function act(
  context: ConcernContext,
  cluster: ChatCluster,
  token: string,
  { name, claim, step, current }: { name: string; claim: KubernetesObject; step: ScaleDownStep; current: number },
): Promise<ScaleDownOutcome> {
  const stays = { replicas: current };
  switch (step.type) {
    case "none":
      return stays;
    case "forget":
      await annotateClaim(context, claim, { [LEAVING_ANNOTATION]: null });
      return stays;
    case "wait":
      return { ...stays, work: leaving(step.message), waitMs: POLL_MS };
    case "refuse":
      return { ...stays, problem: { reason: step.reason, message: step.message }, waitMs: 5 * POLL_MS };
    case "note":
      await annotateClaim(context, claim, { [LEAVING_ANNOTATION]: step.hostId });
      record(context, cluster, "DecommissionStarted", `${name} moves its data to the other nodes and leaves the ring`);
      return { ...stays, work: leaving(`${name} is about to leave`), waitMs: 1 };
    case "decommission":
      return decommission(context, cluster, token, name, step.failure, stays);
    case "remove":
      record(context, cluster, "Decommissioned", `${name} has left the ring: its pod goes`);
      return { replicas: current - 1, waitMs: POLL_MS };
  }
}

async function decommission(
  context: ConcernContext,
  cluster: ChatCluster,
  token: string,
  name: string,
  failure: string | undefined,
  stays: ScaleDownOutcome,
): Promise<ScaleDownOutcome> {
  const under = { ...stays, work: leaving(`${name} moves its data to the other nodes`), waitMs: POLL_MS };
  const problem = (message: string) => ({
    reason: "DecommissionFailed",
    message: `${name} could not leave the ring: ${message}`,
  });
  const pod = podOf(context, cluster, name);
  if (!pod) return under;
  try {
    await context.cassandraAgents.decommission(addressOf(pod), token, context.signal);
  } catch (error) {
    return { ...under, problem: problem(messageOf(error)), waitMs: 5 * POLL_MS };
  }
  return failure === undefined ? under : { ...under, problem: problem(`${failure}. It was asked again`) };
}

/**
 * The lowest pod that must not be made again yet, because the volume of a node that has left the ring still carries its number: Cassandra
 * would refuse to start on it.
 */
export function staleClaim(
  context: ConcernContext,
  cluster: ChatCluster,
  from: number,
  to: number,
): KubernetesObject | undefined {
  for (let ordinal = from; ordinal < to; ordinal++) {
    const claim = claimOfNode(context, cluster, ordinal);
    if (claim?.metadata.annotations?.[LEAVING_ANNOTATION] !== undefined) return claim;
  }
  return undefined;
}

/** The number at the end of a claim's name. */
export function ordinalOfClaim({ metadata }: KubernetesObject): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf("-") + 1));
}

async function ask(context: ConcernContext, cluster: ChatCluster, token: string, name: string): Promise<AskedNode> {
  const pod = podOf(context, cluster, name);
  if (!pod) return { pod: name, view: undefined };
  try {
    return { pod: name, view: await context.cassandraAgents.node(addressOf(pod), token, context.signal) };
  } catch (error) {
    context.logger.debug({ err: error }, "a node cannot be asked");
    return { pod: name, view: undefined };
  }
}

function podOf({ informers }: ConcernContext, cluster: ChatCluster, name: string): PodObject | undefined {
  return podsOf(informers, cluster, "cassandra").find(
    (pod) => pod.metadata.name === name && pod.status?.podIP !== undefined && !isTerminating(pod),
  );
}

function addressOf(pod: PodObject): AgentAddress {
  return { pod: pod.metadata.name, ip: pod.status?.podIP ?? "" };
}

function leaving(message: string): NonNullable<RingWork["work"]> {
  return { reason: "DecommissioningNode", message: `Cassandra: ${message}` };
}

function record(context: ConcernContext, cluster: ChatCluster, reason: string, note: string): void {
  context.logger.info({ event: reason }, note);
  context.events.record(cluster, { type: "Normal", reason, action: "ScaleCassandra", note });
}
