import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { nextCopies } from "../cassandra-ring/replication-step.ts";
import { CASSANDRA_CQL_PORT } from "../resource/names.ts";
import type { ReplicationRequest } from "./cassandra-replication.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import type { PodObject } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";
import { Repairs } from "./repairs.ts";
import type { RingWork } from "./ring-work.ts";

/** Milliseconds between two looks at a repair. */
const POLL_MS = 1_000;

/** One step: the copies that it makes, and its repairs. */
interface Step {
  readonly copies: number;
  readonly repairs: Repairs;
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
  readonly #steps = new Map<string, Step>();
  /** ChatClusters whose keyspaces were seen to be as the status says, since this operator started. */
  readonly #verified = new Set<string>();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: ReplicationInput): Promise<ReplicationOutcome> {
    const { uid } = cluster.metadata;
    const known = cluster.status?.cassandra?.replicationFactor;
    const target = cluster.spec.cassandra.replicationFactor;
    // The spec was turned back while a step was under way.
    if (known === target && this.#steps.delete(uid)) this.#verified.delete(uid);
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
    this.#steps.delete(uid);
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
    let step = this.#steps.get(uid);
    if (step?.copies !== copies) {
      const keyspaces = [...(await context.cassandraReplication.read(request)).keys()];
      await context.cassandraReplication.change(request, copies);
      record(context, cluster, "ReplicationChanged", `Cassandra keeps ${copies} copies instead of ${known}: repairing`);
      // With one copy there is nothing to compare.
      step = { copies, repairs: new Repairs(copies === 1 ? [] : keyspaces) };
      this.#steps.set(uid, step);
    }
    const left = await step.repairs.advance(context, input.ready, input.credentials.cassandraAgentToken);
    if (left > 0)
      return {
        copies: known,
        work: work(`repairing, so that there are ${copies} copies of every row`),
        waitMs: POLL_MS,
      };
    this.#steps.delete(uid);
    record(context, cluster, "ReplicationRepaired", `There are ${copies} copies of every row`);
    return { copies, waitMs: POLL_MS };
  }
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
