import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { nextCopies } from "../cassandra-ring/replication-step.ts";
import { CASSANDRA_CQL_PORT } from "../resource/names.ts";
import type { ReplicationRequest } from "./cassandra-replication.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import type { PodObject } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";
import type { RingWork } from "./ring-work.ts";

/** Milliseconds between two looks at a repair. */
const POLL_MS = 1_000;

/** One step's repairs; of each node its own ranges, one after the other. */
interface Repairs {
  readonly copies: number;
  readonly keyspaces: readonly string[];
  readonly done: Set<string>;
  running: { readonly what: string; readonly id: number } | undefined;
}

export interface ReplicationOutcome extends RingWork {
  /** Copies of every row that there are for certain: a change counts once its repair is over. Undefined while nobody knows. */
  readonly copies: number | undefined;
}

/** What a look at the replication needs. */
export interface ReplicationInput {
  readonly credentials: Credentials;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  /** All of them. */
  readonly nodes: number;
}

/**
 * Changes the number of copies, one step at a time, each with the repair that makes it true before it is called done. What is true stands in
 * the ChatCluster's status: an operator that was killed in between finds keyspaces that differ from it, and repairs again.
 */
export class ReplicationReconciler {
  readonly #repairs = new Map<string, Repairs>();
  /** ChatClusters whose keyspaces were seen to be as the status says, since this operator started. */
  readonly #verified = new Set<string>();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: ReplicationInput): Promise<ReplicationOutcome> {
    const { uid } = cluster.metadata;
    const known = cluster.status?.cassandra?.replicationFactor;
    const target = cluster.spec.cassandra.replicationFactor;
    // The spec was turned back while a step was under way.
    if (known === target && this.#repairs.delete(uid)) this.#verified.delete(uid);
    if (known === target && this.#verified.has(uid)) return { copies: known };
    const request = requestOf(cluster, input);
    try {
      if (known === undefined || known === target) {
        const copies = await found(context, request);
        this.#verified.add(uid);
        // What differs now goes step by step from what is there.
        return { copies, ...(copies === target ? {} : { waitMs: POLL_MS }) };
      }
      const { ready, nodes } = input;
      if (ready.length < nodes || nodes < target)
        return { copies: known, work: work(`waits for all nodes before there are ${target} copies`), waitMs: POLL_MS };
      return await this.#step(context, cluster, input, request, known);
    } catch (error) {
      const problem: Problem = { reason: "ReplicationNotChanged", message: messageOf(error) };
      return { copies: known, work: work(`to ${target} copies, trying again`), problem, waitMs: 5 * POLL_MS };
    }
  }

  forget(uid: string): void {
    this.#repairs.delete(uid);
    this.#verified.delete(uid);
  }

  async #step(
    context: ConcernContext,
    cluster: ChatCluster,
    input: ReplicationInput,
    request: ReplicationRequest,
    known: number,
  ): Promise<ReplicationOutcome> {
    const { uid } = cluster.metadata;
    const copies = nextCopies(known, cluster.spec.cassandra.replicationFactor);
    let repairs = this.#repairs.get(uid);
    if (repairs?.copies !== copies) {
      const keyspaces = [...(await context.cassandraReplication.read(request)).keys()];
      await context.cassandraReplication.change(request, copies);
      record(context, cluster, "ReplicationChanged", `Cassandra keeps ${copies} copies instead of ${known}: repairing`);
      repairs = { copies, keyspaces, done: new Set(), running: undefined };
      this.#repairs.set(uid, repairs);
    }
    const left = await this.#repair(context, input, repairs);
    if (left > 0)
      return {
        copies: known,
        work: work(`repairing, so that there are ${copies} copies of every row`),
        waitMs: POLL_MS,
      };
    this.#repairs.delete(uid);
    record(context, cluster, "ReplicationRepaired", `There are ${copies} copies of every row`);
    return { copies, waitMs: POLL_MS };
  }

  /** Looks at the repair that runs, or begins the next one. @returns how many are left */
  async #repair(context: ConcernContext, input: ReplicationInput, repairs: Repairs): Promise<number> {
    // With one copy there is nothing to compare.
    if (repairs.copies === 1) return 0;
    const { ready, credentials } = input;
    const token = credentials.cassandraAgentToken;
    const wanted = ready.flatMap((pod) =>
      repairs.keyspaces.map((keyspace) => ({ pod, keyspace, what: nameOf(pod, keyspace) })),
    );
    const left = wanted.filter(({ what }) => !repairs.done.has(what));
    const [next] = left;
    if (!next) return 0;
    const agent = { pod: next.pod.metadata.name, ip: next.pod.status?.podIP ?? "" };
    if (repairs.running?.what !== next.what) {
      const id = await context.cassandraAgents.startRepair(agent, token, next.keyspace, context.signal);
      repairs.running = { what: next.what, id };
    }
    const { state, message } = await context.cassandraAgents.repair(agent, token, repairs.running.id, context.signal);
    if (state === "running") return left.length;
    const { what } = repairs.running;
    repairs.running = undefined;
    if (state !== "completed")
      throw new Error(
        `the repair of ${next.keyspace} on ${agent.pod} ${state === "failed" ? "failed" : "was cut short"}: ${message ?? "it starts again"}`,
      );
    repairs.done.add(what);
    return left.length - 1;
  }
}

/** A restarted Cassandra has forgotten its repairs; one in another pod is another. */
function nameOf({ metadata, status }: PodObject, keyspace: string): string {
  const restarts = status?.containerStatuses?.find(({ name }) => name === "cassandra")?.restartCount ?? 0;
  return `${metadata.uid}/${restarts}/${keyspace}`;
}

/** The fewest copies that any keyspace has: after an interrupted change they differ. */
async function found({ cassandraReplication }: ConcernContext, request: ReplicationRequest): Promise<number> {
  return Math.min(...(await cassandraReplication.read(request)).values());
}

function requestOf(cluster: ChatCluster, { ready, credentials }: ReplicationInput): ReplicationRequest {
  return {
    contactPoints: ready.map((pod) => `${pod.status?.podIP}:${CASSANDRA_CQL_PORT}`),
    datacenter: cluster.spec.cassandra.datacenter,
    admin: credentials.cassandraAdmin,
  };
}

function work(message: string): NonNullable<RingWork["work"]> {
  return { reason: "ChangingReplication", message: `Cassandra: ${message}` };
}

function record(context: ConcernContext, cluster: ChatCluster, reason: string, note: string): void {
  context.logger.info({ event: reason }, note);
  context.events.record(cluster, { type: "Normal", reason, action: "ChangeReplication", note });
}
