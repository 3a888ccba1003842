import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { ConcernContext } from "./dependencies.ts";
import { type PodObject, podsByNumber } from "./pods.ts";
import type { RingWork } from "./ring-work.ts";

/** Milliseconds between two looks at a cleanup that runs, and until one that failed is tried again. */
const POLL_MS = 1_000;
const RETRY_MS = 60_000;

export interface CleanupOutcome extends RingWork {
  /** Nodes that are still to be cleaned up, by their pods' numbers. */
  readonly pending: readonly number[];
}

/** What a look at the cleanups needs. */
export interface CleanupsInput {
  readonly token: string;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  readonly nodes: number;
  readonly pending: readonly number[];
  /** False while the ring or its copies change. */
  readonly isQuiet: boolean;
}

/**
 * Cleans nodes up, one after the other. Which are left stands in the status; an operator, or an agent, that dies costs one node's cleanup, which
 * does nothing where nothing is left to do.
 */
export class Cleanups {
  readonly #running = new Map<string, { readonly podUid: string; readonly id: string }>();
  /** When a cleanup that failed may be tried again, by the ChatCluster's uid. */
  readonly #retryAt = new Map<string, { readonly atMs: number; readonly problem: NonNullable<RingWork["problem"]> }>();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: CleanupsInput): Promise<CleanupOutcome> {
    const { pending, ready, nodes, isQuiet } = input;
    const { uid } = cluster.metadata;
    const [ordinal] = pending;
    const pod = ordinal === undefined ? undefined : podsByNumber(ready)[ordinal];
    if (!pod || !isQuiet || ready.length !== nodes) return { pending };
    const { name } = pod.metadata;
    const message = `Cassandra: ${name} takes off its disk what it does not own any more`;
    const under = { pending, work: { reason: "CleaningUp", message } };
    const failed = this.#retryAt.get(uid);
    if (failed && failed.atMs > context.clock.monotonicMs())
      return { ...under, problem: failed.problem, waitMs: RETRY_MS };
    try {
      if (!(await this.#cleanUp(context, uid, pod, input.token))) return { ...under, waitMs: POLL_MS };
      this.#retryAt.delete(uid);
    } catch (error) {
      const problem = { reason: "CleanupFailed", message: `the cleanup of ${name} failed: ${messageOf(error)}` };
      this.#retryAt.set(uid, { atMs: context.clock.monotonicMs() + RETRY_MS, problem });
      return { ...under, problem, waitMs: RETRY_MS };
    }
    const note = `${name} has taken off its disk what it does not own any more`;
    context.logger.info({ event: "NodeCleanedUp" }, note);
    context.events.record(cluster, { type: "Normal", reason: "NodeCleanedUp", action: "CleanUpCassandra", note });
    return { ...under, pending: pending.slice(1), waitMs: POLL_MS };
  }

  forget(uid: string): void {
    this.#running.delete(uid);
    this.#retryAt.delete(uid);
  }

  /** @returns whether it is over */
  async #cleanUp(context: ConcernContext, uid: string, pod: PodObject, token: string): Promise<boolean> {
    const agent = { pod: pod.metadata.name, ip: pod.status?.podIP ?? "" };
    const podUid = pod.metadata.uid ?? "";
    let running = this.#running.get(uid);
    if (running?.podUid !== podUid) {
      running = { podUid, id: await context.cassandraAgents.startCleanup(agent, token, context.signal) };
      this.#running.set(uid, running);
    }
    const { state, message } = await context.cassandraAgents.cleanup(agent, token, running.id, context.signal);
    if (state === "running") return false;
    this.#running.delete(uid);
    if (state === "completed") return true;
    // An agent that was restarted has forgotten it: it is begun again.
    if (state === "unknown") return false;
    throw new CodedError("cassandra_cleanup_failed", message ?? "Cassandra does not say why");
  }
}
