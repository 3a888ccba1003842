import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CASSANDRA_CQL_PORT } from "../resource/names.ts";
import type { ConcernContext } from "./dependencies.ts";
import { type PodObject, podsByNumber } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";
import { Repairs } from "./repairs.ts";
import type { RingWork } from "./ring-work.ts";

const DAY_MS = 86_400_000;
/** Milliseconds between two looks at a repair that runs, that failed, and that is not due yet. */
const POLL_MS = 2_000;
const RETRY_MS = 60_000;
const LONGEST_WAIT_MS = 3_600_000;

export interface RepairOutcome extends RingWork {
  /** When each node's ranges were last known to be the same on all copies, by its pod's number. */
  readonly repairedAt: readonly string[];
}

/** What a look at the schedule needs. */
export interface RepairInput {
  readonly credentials: Credentials;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  readonly nodes: number;
  /** False while the ring or its copies change, which repair by themselves. */
  readonly isQuiet: boolean;
}

/**
 * Repairs each node once in `spec.cassandra.repairDays`, one node at a time, the longest unrepaired first. When that was stands in the status,
 * node by node: an operator that is killed costs the repair of one node.
 */
export class RepairSchedule {
  readonly #running = new Map<string, { readonly ordinal: number; readonly repairs: Repairs }>();
  /** When a repair that failed may be tried again, by the ChatCluster's uid. */
  readonly #retryAt = new Map<string, { readonly atMs: number; readonly problem: NonNullable<RingWork["problem"]> }>();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: RepairInput): Promise<RepairOutcome> {
    const { repairDays, replicationFactor } = cluster.spec.cassandra;
    const { ready, nodes, isQuiet } = input;
    const { uid } = cluster.metadata;
    const known = (cluster.status?.cassandra?.repairedAt ?? []).slice(0, nodes);
    if (repairDays === 0 || replicationFactor === 1) return { repairedAt: [] };
    if (!isQuiet || ready.length !== nodes) return { repairedAt: known };
    const now = context.clock.now();
    // A node that has just come has streamed what is there: its time begins now.
    const repairedAt = Array.from({ length: nodes }, (_, ordinal) => known[ordinal] ?? timestamp(now));
    const oldest = repairedAt.reduce((best, at, ordinal) => (at < (repairedAt[best] ?? "") ? ordinal : best), 0);
    const dueMs = Date.parse(repairedAt[oldest] ?? "") + repairDays * DAY_MS - now.getTime();
    if (dueMs > 0) return { repairedAt, waitMs: Math.min(dueMs, LONGEST_WAIT_MS) };
    const failed = this.#retryAt.get(uid);
    if (failed && failed.atMs > context.clock.monotonicMs())
      return { repairedAt, problem: failed.problem, waitMs: RETRY_MS };
    try {
      const isDone = await this.#repair(context, cluster, input, oldest);
      this.#retryAt.delete(uid);
      if (isDone) repairedAt[oldest] = timestamp(now);
      return { repairedAt, waitMs: POLL_MS };
    } catch (error) {
      const problem = { reason: "RepairFailed", message: messageOf(error) };
      this.#retryAt.set(uid, { atMs: context.clock.monotonicMs() + RETRY_MS, problem });
      return { repairedAt, problem, waitMs: RETRY_MS };
    }
  }

  forget(uid: string): void {
    this.#running.delete(uid);
    this.#retryAt.delete(uid);
  }

  async #repair(
    context: ConcernContext,
    cluster: ChatCluster,
    { ready, credentials }: RepairInput,
    ordinal: number,
  ): Promise<boolean> {
    const { uid } = cluster.metadata;
    const pod = podsByNumber(ready)[ordinal];
    if (!pod) return false;
    let running = this.#running.get(uid);
    if (running?.ordinal !== ordinal) {
      const found = await context.cassandraReplication.read({
        contactPoints: ready.map(({ status }) => `${status?.podIP}:${CASSANDRA_CQL_PORT}`),
        datacenter: cluster.spec.cassandra.datacenter,
        admin: credentials.cassandraAdmin,
      });
      running = { ordinal, repairs: new Repairs([...found.keys()]) };
      this.#running.set(uid, running);
    }
    if ((await running.repairs.advance(context, [pod], credentials.cassandraAgentToken)) > 0) return false;
    this.#running.delete(uid);
    const note = `${pod.metadata.name} has compared its data with the other copies, and put it right`;
    context.logger.info({ event: "NodeRepaired" }, note);
    context.events.record(cluster, { type: "Normal", reason: "NodeRepaired", action: "RepairCassandra", note });
    return true;
  }
}

/** To the second, as Kubernetes writes times. */
function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
