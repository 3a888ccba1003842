import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { type Clock, isNotFound, type KubernetesObject, Pod } from "../runtime/index.ts";
import { type DrainStep, nextDrainStep } from "../scaling/index.ts";
import type { ConcernContext } from "./dependencies.ts";
import { serverPod } from "./server-pods.ts";
import type { ServerReadings } from "./server-readings.ts";
import { addressOf, type ServerStatus } from "./server-status-client.ts";

/** A drain goes through a handful of steps; more in one go would be a circle. */
const MAX_STEPS = 8;
/** Milliseconds until a step that failed, or that the pods must follow first, is taken again. */
const RETRY_MS = 2_000;

/** The servers that there are, and those that there should be. */
export interface Drain {
  readonly pods: readonly KubernetesObject[];
  /** By the pod's name; a drain that begins is noted here. */
  readonly statuses: Map<string, ServerStatus | undefined>;
  /** The Deployment's `spec.replicas`. */
  readonly replicas: number;
  /** Serving servers that there should be. */
  readonly desired: number;
  readonly adminTokens: readonly string[];
}

/** What is to be written into the Deployment, and when to look again. */
export interface DrainOutcome {
  readonly replicas: number;
  /** Pods that drain. */
  readonly draining: readonly string[];
  readonly waitMs: number | undefined;
}

type PodStep = Extract<DrainStep, { pod: string }>;

/** Takes the steps of `nextDrainStep`. All state is on the pods and the Deployment: a crash between two steps loses nothing. */
export class ServerDrain {
  readonly #clock: Pick<Clock, "now">;
  readonly #readings: ServerReadings;

  constructor(clock: Pick<Clock, "now">, readings: ServerReadings) {
    this.#clock = clock;
    this.#readings = readings;
  }

  /** Takes every step that can be taken now. */
  async advance(context: ConcernContext, cluster: ChatCluster, drain: Drain): Promise<DrainOutcome> {
    let pods = drain.pods;
    for (let count = 0; count < MAX_STEPS; count++) {
      const step = this.#next(cluster, pods, drain);
      if (step.type === "none") return outcome(drain, pods, undefined);
      if (step.type === "scale") return scale(context, cluster, drain, pods, step);
      if (step.type === "wait") return outcome(drain, pods, step.seconds * 1000);
      const moved = await this.#act(context, cluster, pods, step, drain);
      if (!moved) return outcome(drain, pods, RETRY_MS);
      pods = moved;
    }
    context.logger.error({ replicas: drain.replicas, desired: drain.desired }, "the drain does not come to rest");
    return outcome(drain, pods, RETRY_MS);
  }

  #next(cluster: ChatCluster, pods: readonly KubernetesObject[], drain: Drain): DrainStep {
    return nextDrainStep({
      pods: pods.map((pod) => serverPod(pod, drain.statuses.get(pod.metadata.name))),
      desired: drain.desired,
      replicas: drain.replicas,
      drainSeconds: cluster.spec.servers.drainSeconds,
      now: this.#clock.now().getTime(),
    });
  }

  /** The pods after the step, or undefined when it has to be looked at again later. */
  async #act(
    context: ConcernContext,
    cluster: ChatCluster,
    pods: readonly KubernetesObject[],
    step: PodStep,
    drain: Drain,
  ): Promise<readonly KubernetesObject[] | undefined> {
    const pod = pods.find(({ metadata }) => metadata.name === step.pod);
    if (!pod) return undefined;
    if (step.type === "mark") {
      const marked = await mark(context, pod, step.annotations);
      return pods.map((each) => (each === pod ? marked : each));
    }
    if (step.type === "request-drain") {
      const taken = await this.#requestDrain(context, cluster, pod, step.seconds, drain);
      return taken ? pods : undefined;
    }
    if (step.type === "delete") await deleteDrained(context, cluster, pod, step.message);
    return undefined;
  }

  async #requestDrain(
    context: ConcernContext,
    cluster: ChatCluster,
    pod: KubernetesObject,
    seconds: number,
    { adminTokens, statuses }: Drain,
  ): Promise<boolean> {
    const { name } = pod.metadata;
    try {
      const status = await context.serverStatus.drain(addressOf(pod), adminTokens, seconds, context.signal);
      this.#readings.observe(pod, status);
      statuses.set(name, status);
    } catch (error) {
      const note = `Server ${name} did not take the drain, asking again: ${messageOf(error)}`;
      context.events.record(cluster, { type: "Warning", reason: "DrainNotTaken", action: "Drain", note });
      return false;
    }
    record(context, cluster, "DrainStarted", `Server ${name} moves its clients over ${seconds} s`);
    // A server that answers without draining would be asked again at once, for ever.
    return statuses.get(name)?.draining === true;
  }
}

function scale(
  context: ConcernContext,
  cluster: ChatCluster,
  drain: Drain,
  pods: readonly KubernetesObject[],
  { replicas, message }: Extract<DrainStep, { type: "scale" }>,
): DrainOutcome {
  const isLess = replicas < drain.replicas;
  const note = `Scaled the chat servers from ${drain.replicas} to ${replicas}: ${message}`;
  record(context, cluster, isLess ? "ScaledDown" : "ScaledUp", note);
  // The pods follow the number; until they have, there is nothing more to decide.
  return { replicas, draining: drainingOf(pods), waitMs: undefined };
}

function outcome({ replicas }: Drain, pods: readonly KubernetesObject[], waitMs: number | undefined) {
  return { replicas, draining: drainingOf(pods), waitMs };
}

async function mark(
  { client, informers }: ConcernContext,
  pod: KubernetesObject,
  annotations: Readonly<Record<string, string>>,
): Promise<KubernetesObject> {
  const { uid, namespace = "", name } = pod.metadata;
  // With the uid, a pod of that name that has come since is not marked.
  const marked = await client.mergePatch(Pod, { namespace, name }, { metadata: { uid, annotations } });
  informers.pods.observe(marked);
  return marked;
}

async function deleteDrained(
  context: ConcernContext,
  cluster: ChatCluster,
  pod: KubernetesObject,
  message: string,
): Promise<void> {
  const { uid, name, namespace = "" } = pod.metadata;
  const preconditions = uid ? { preconditions: { uid } } : {};
  await context.client.delete(Pod, { namespace, name }, preconditions).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  record(context, cluster, "DrainedServerDeleted", `Deleted pod ${name}: ${message}`);
}

/** Pods that drain, the one that began first before the others. */
function drainingOf(pods: readonly KubernetesObject[]): string[] {
  return pods
    .map((pod) => serverPod(pod, undefined))
    .filter(({ drainStartedAt, terminating }) => drainStartedAt !== undefined && !terminating)
    .sort((a, b) => (a.drainStartedAt ?? 0) - (b.drainStartedAt ?? 0))
    .map(({ name }) => name);
}

function record(context: ConcernContext, cluster: ChatCluster, reason: string, note: string): void {
  context.logger.info({ event: reason }, note);
  context.events.record(cluster, { type: "Normal", reason, action: "Scale", note });
}
