import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName } from "../resource/names.ts";
import { type Clock, Deployment, type KubernetesObject, keyOf } from "../runtime/index.ts";
import {
  DEFAULT_TIMING,
  decide,
  EMPTY_STATE,
  type ScalingDecision,
  type ScalingPolicy,
  type ScalingState,
} from "../scaling/index.ts";
import type { ConcernContext } from "./dependencies.ts";
import { ServerDrain } from "./drain-servers.ts";
import { childInformer } from "./informers.ts";
import { isActive, podsOf } from "./pods.ts";
import { serverReading } from "./server-pods.ts";
import { ServerReadings } from "./server-readings.ts";
import { addressOf, type ServerStatus } from "./server-status-client.ts";

/** Milliseconds between two looks at the connections. */
const POLL_MS = 3_000;

/** What scaling decided, and saw on the way. */
export interface ScalingOutcome {
  /** The Deployment's `spec.replicas` from here on. */
  readonly replicas: number;
  readonly decision: ScalingDecision;
  /** Open connections over all servers that could be asked; undefined when none could be. */
  readonly connections: number | undefined;
  /** Pods that are draining. */
  readonly draining: readonly string[];
  /** Look again after this; undefined when there is nobody to ask. */
  readonly requeueAfterMs: number | undefined;
}

/** Keeps the number of chat servers right, and takes them away one drain at a time. */
export class ScalingReconciler {
  readonly #clock: Clock;
  readonly #readings: ServerReadings;
  readonly #drain: ServerDrain;
  readonly #states = new Map<string, ScalingState>();
  /** Failures are logged when they begin, not at every look. */
  readonly #unreadable = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readings = new ServerReadings(clock);
    this.#drain = new ServerDrain(clock, this.#readings);
  }

  async reconcile(
    context: ConcernContext,
    cluster: ChatCluster,
    adminTokens: readonly string[],
  ): Promise<ScalingOutcome> {
    const replicas = currentReplicas(context, cluster);
    const pods = podsOf(context.informers, cluster, "chat").filter(isActive);
    const statuses = await this.#readings.all(
      pods.filter((pod) => pod.status?.podIP !== undefined),
      (pod) => this.#read(context, pod, adminTokens),
      (pod, error) => this.#noteUnreadable(context, pod, error),
    );
    const decision = decide({
      policy: policyOf(cluster),
      servers: pods.map((pod) => serverReading(pod, statuses.get(pod.metadata.name))),
      replicas: replicas ?? 0,
      state: this.#states.get(cluster.metadata.uid) ?? EMPTY_STATE,
      now: this.#clock.now().getTime(),
    });
    this.#states.set(cluster.metadata.uid, decision.state);
    // Nothing is there yet: the number is simply what is wanted.
    const steps =
      replicas === undefined
        ? { replicas: decision.replicas, draining: [], waitMs: undefined }
        : await this.#drain.advance(context, cluster, {
            pods,
            statuses,
            replicas,
            desired: decision.replicas,
            adminTokens,
          });
    const known = [...statuses.values()].filter((status) => status !== undefined);
    return {
      replicas: steps.replicas,
      draining: steps.draining,
      decision,
      connections: known.length === 0 ? undefined : known.reduce((sum, { connections }) => sum + connections, 0),
      requeueAfterMs: pods.length === 0 ? undefined : Math.min(POLL_MS, steps.waitMs ?? POLL_MS),
    };
  }

  forget(uid: string): void {
    this.#states.delete(uid);
  }

  /** A chat pod is gone: its reading too. */
  forgetPod(uid: string): void {
    this.#readings.forget(uid);
    this.#unreadable.delete(uid);
  }

  async #read(context: ConcernContext, pod: KubernetesObject, tokens: readonly string[]): Promise<ServerStatus> {
    const status = await context.serverStatus.read(addressOf(pod), tokens, context.signal);
    this.#unreadable.delete(pod.metadata.uid ?? "");
    return status;
  }

  #noteUnreadable({ logger }: ConcernContext, pod: KubernetesObject, error: unknown): void {
    const uid = pod.metadata.uid ?? "";
    if (this.#unreadable.has(uid)) return;
    this.#unreadable.add(uid);
    logger.warn({ pod: pod.metadata.name }, `connections not read: ${messageOf(error)}`);
  }
}

function policyOf(cluster: ChatCluster): ScalingPolicy {
  const { min, max, replicas, connectionsPerServer, stabilizationSeconds } = cluster.spec.servers;
  return {
    min,
    max,
    connectionsPerServer,
    maxConnections: cluster.spec.limits.maxConnections,
    timing: { ...DEFAULT_TIMING, stabilization: stabilizationSeconds },
    ...(replicas === undefined ? {} : { replicas }),
  };
}

/** The Deployment's number, or undefined while there is no Deployment. */
function currentReplicas({ informers }: ConcernContext, cluster: ChatCluster): number | undefined {
  const key = keyOf({ namespace: cluster.metadata.namespace, name: childName(cluster, "chat") });
  const { spec } = (childInformer(informers, Deployment).get(key) ?? {}) as { spec?: { replicas?: number } };
  return spec?.replicas;
}
