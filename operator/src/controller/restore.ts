import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { CassandraStatus } from "../api/status.ts";
import { CASSANDRA_CQL_PORT } from "../resource/names.ts";
import type { Manifest } from "../snapshot-store/manifest.ts";
import { annotateClaim, claimOfNode } from "./cassandra-claims.ts";
import type { ConcernContext } from "./dependencies.ts";
import { type PodObject, podsByNumber } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";
import type { RingWork } from "./ring-work.ts";
import type { ReadyStore } from "./snapshots.ts";

/** On the first node's volume claim: the snapshot that is being restored into the ring, and the one that it was made from. */
export const RESTORING_ANNOTATION = "chatcluster.dev/restoring-snapshot";
export const RESTORED_ANNOTATION = "chatcluster.dev/restored-snapshot";
/** Milliseconds between two looks at a node that loads, and until what failed is tried again. */
const POLL_MS = 1_000;
const RETRY_MS = 10_000;

export interface RestoreOutcome extends RingWork {
  /** False while the chat servers must not start. */
  readonly isOver: boolean;
  readonly restored: CassandraStatus["restored"];
}

/** What a look at the restoration needs. */
export interface RestoreInput {
  readonly credentials: Credentials;
  readonly store: ReadyStore | undefined;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  readonly nodes: number;
  /** Whether the roles are in order. */
  readonly mayLogIn: boolean;
}

/** A restoration that is under way. */
interface Restoration {
  readonly manifest: Manifest;
  /** Nodes of the snapshot that are loaded. */
  readonly loaded: Set<string>;
  /** The node of the snapshot that is loading, and the pod whose agent does it. */
  loading?: { readonly pod: string; readonly agentUid: string } | undefined;
}

/**
 * Fills a new ring from a snapshot: its schema first, then what each of its nodes had, one after the other, which Cassandra streams to those that own it
 * now. That it has begun, and that it is over, is noted on the first node's volume claim; done twice it changes nothing.
 */
export class RestoreReconciler {
  readonly #restorations = new Map<string, Restoration>();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: RestoreInput): Promise<RestoreOutcome> {
    const wanted = cluster.spec.cassandra.restore?.snapshot;
    const before = cluster.status?.cassandra?.restored;
    const claim = claimOfNode(context, cluster, 0);
    const noted = claim?.metadata.annotations?.[RESTORED_ANNOTATION];
    if (before) return { isOver: true, restored: before };
    if (wanted === undefined) return { isOver: true, restored: undefined };
    if (noted !== undefined) return { isOver: true, restored: { snapshot: noted, at: timestamp(context) } };
    const { ready, nodes, store, mayLogIn } = input;
    const under = {
      isOver: false,
      restored: undefined,
      work: { reason: "Restoring", message: `Cassandra: restoring snapshot ${wanted}` },
    };
    if (!claim || !store || !mayLogIn || ready.length !== nodes) return { ...under, waitMs: POLL_MS };
    try {
      if (!(await this.#advance(context, cluster, { ...input, store, claim }, wanted)))
        return { ...under, waitMs: POLL_MS };
    } catch (error) {
      const reason = reasonOf(error);
      return { ...under, problem: { reason, message: messageOf(error) }, waitMs: RETRY_MS };
    }
    this.#restorations.delete(cluster.metadata.uid);
    await annotateClaim(context, claim, { [RESTORING_ANNOTATION]: null, [RESTORED_ANNOTATION]: wanted });
    record(context, cluster, "Restored", `Snapshot ${wanted} is restored: the chat servers may start`);
    return { isOver: true, restored: { snapshot: wanted, at: timestamp(context) }, waitMs: POLL_MS };
  }

  forget(uid: string): void {
    this.#restorations.delete(uid);
  }

  /** @returns whether everything is loaded */
  async #advance(
    context: ConcernContext,
    cluster: ChatCluster,
    input: RestoreInput & { readonly store: ReadyStore; readonly claim: NonNullable<ReturnType<typeof claimOfNode>> },
    snapshot: string,
  ): Promise<boolean> {
    const { uid } = cluster.metadata;
    const restoration = this.#restorations.get(uid) ?? (await this.#begin(context, cluster, input, snapshot));
    this.#restorations.set(uid, restoration);
    const { manifest, loaded } = restoration;
    const next = manifest.nodes.findIndex(({ pod }) => !loaded.has(pod));
    const from = manifest.nodes[next];
    if (!from) return true;
    // Any node can load what another had; each takes its share of the work.
    const nodes = podsByNumber(input.ready);
    const by = nodes[next % nodes.length] as PodObject;
    const agent = { pod: by.metadata.name, ip: by.status?.podIP ?? "" };
    const token = input.credentials.cassandraAgentToken;
    const source = { snapshot, pod: from.pod };
    const agentUid = by.metadata.uid ?? "";
    if (restoration.loading?.pod !== from.pod || restoration.loading.agentUid !== agentUid) {
      await context.cassandraAgents.startRestore(agent, token, source, context.signal);
      restoration.loading = { pod: from.pod, agentUid };
    }
    const { state, message } = await context.cassandraAgents.restore(agent, token, source, context.signal);
    if (state === "running") return false;
    restoration.loading = undefined;
    // An agent that was restarted has forgotten it: it is begun again.
    if (state === "unknown") return false;
    if (state === "failed")
      throw new CodedError("restore_failed", `${agent.pod} could not load what ${from.pod} had: ${message}`);
    loaded.add(from.pod);
    return loaded.size === manifest.nodes.length;
  }

  /** Sees that it can be done, notes that it has begun, and makes the schema. */
  async #begin(
    context: ConcernContext,
    cluster: ChatCluster,
    input: RestoreInput & { readonly store: ReadyStore; readonly claim: NonNullable<ReturnType<typeof claimOfNode>> },
    snapshot: string,
  ): Promise<Restoration> {
    const { store, claim, credentials, ready } = input;
    const { cassandraSchema, snapshotStore, signal } = context;
    const token = credentials.cassandraAgentToken;
    const { snapshots } = await snapshotStore.list(store, token, signal);
    const names = snapshots.map(({ name }) => name);
    if (!names.includes(snapshot)) {
      const there = names.length === 0 ? "there is none" : `there are ${names.slice(-10).join(", ")}`;
      throw new CodedError(
        "snapshot_missing",
        `the volume has no complete snapshot ${snapshot}: ${there}. Make the ChatCluster anew with one of those`,
      );
    }
    const manifest = await snapshotStore.manifest(store, token, snapshot, signal);
    const request = {
      contactPoints: ready.map(({ status }) => `${status?.podIP}:${CASSANDRA_CQL_PORT}`),
      datacenter: cluster.spec.cassandra.datacenter,
      chat: credentials.cassandra,
    };
    const isOurs = claim.metadata.annotations?.[RESTORING_ANNOTATION] === snapshot;
    if (!isOurs) {
      if (await cassandraSchema.exists(request))
        throw new CodedError(
          "restore_refused",
          "Cassandra holds messages already: a snapshot is restored into new volumes only",
        );
      await this.#assertRoom(context, cluster, input, manifest);
      await annotateClaim(context, claim, { [RESTORING_ANNOTATION]: snapshot });
      record(context, cluster, "RestoreStarted", `Restoring snapshot ${snapshot}, of ${manifest.takenAt}`);
    }
    const tables = new Map(
      manifest.nodes.flatMap(({ pod, files }) => files.map(({ table }): [string, string] => [table, pod])),
    );
    const schemas: string[] = [];
    for (const [table, pod] of tables)
      schemas.push(await snapshotStore.schema(store, token, { snapshot, pod, table }, signal));
    await cassandraSchema.create(request, cluster.spec.cassandra.replicationFactor, schemas);
    return { manifest, loaded: new Set() };
  }

  /** Until Cassandra has compacted, every copy that the snapshot has is written as often as there are copies now. */
  async #assertRoom(
    { cassandraAgents, signal }: ConcernContext,
    cluster: ChatCluster,
    { ready, nodes, credentials }: RestoreInput,
    manifest: Manifest,
  ): Promise<void> {
    const needed = Math.ceil((manifest.bytes * cluster.spec.cassandra.replicationFactor) / nodes);
    const largest = Math.max(...manifest.nodes.map(({ files }) => files.reduce((sum, { bytes }) => sum + bytes, 0)));
    for (const { metadata, status } of ready) {
      const agent = { pod: metadata.name, ip: status?.podIP ?? "" };
      const { disk } = await cassandraAgents.node(agent, credentials.cassandraAgentToken, signal);
      if (disk.freeBytes >= needed + largest) continue;
      throw new CodedError(
        "restore_refused",
        `${agent.pod} has ${disk.freeBytes} bytes of room, and the snapshot wants ${needed + largest}: enlarge spec.cassandra.storage.size`,
      );
    }
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof CodedError ? error.code : "";
  if (code === "snapshot_missing") return "SnapshotMissing";
  return code === "restore_refused" ? "RestoreRefused" : "RestoreFailed";
}

function timestamp({ clock }: ConcernContext): string {
  return `${clock.now().toISOString().slice(0, 19)}Z`;
}

function record(context: ConcernContext, cluster: ChatCluster, reason: string, note: string): void {
  context.logger.info({ event: reason }, note);
  context.events.record(cluster, { type: "Normal", reason, action: "RestoreCassandra", note });
}
