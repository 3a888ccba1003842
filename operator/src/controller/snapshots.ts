import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { CassandraStatus } from "../api/status.ts";
import { clusterOfSnapshot, snapshotName } from "../cassandra-agent/snapshot-names.ts";
import type { SnapshotStoreAddress, TakeSnapshot } from "../snapshot-store/client.ts";
import type { Summary } from "../snapshot-store/manifest.ts";
import type { ConcernContext } from "./dependencies.ts";
import { type PodObject, podsByNumber } from "./pods.ts";
import type { RingWork } from "./ring-work.ts";

/** On a ChatCluster: each new value asks for a snapshot. */
export const SNAPSHOT_ANNOTATION = "chatcluster.dev/snapshot";
/** So many characters of it are looked at. */
const MAX_REQUEST = 253;
const HOUR_MS = 3_600_000;
/** Milliseconds between two looks at a snapshot that is made, until there are all nodes for it, and until one that failed is made again. */
const POLL_MS = 1_000;
const WAIT_MS = 5_000;
const RETRY_MS = 60_000;

export type SnapshotsStatus = NonNullable<CassandraStatus["snapshots"]>;

export interface SnapshotsOutcome extends RingWork {
  readonly status: SnapshotsStatus | undefined;
}

/** A store that is ready. */
export interface ReadyStore extends SnapshotStoreAddress {
  /** Of its pod. */
  readonly uid: string;
}

/** What a look at the snapshots needs. */
export interface SnapshotsInput {
  readonly token: string;
  readonly store: ReadyStore | undefined;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  readonly nodes: number;
  /** False while the ring changes, or is made from a snapshot. */
  readonly isQuiet: boolean;
}

/** What the operator has to remember of one ChatCluster's snapshots. All of it can be asked for again. */
interface Memory {
  readonly storeUid: string;
  snapshots: readonly Summary[];
  running: string | undefined;
}

/**
 * Has snapshots made when they are due, and on request. Which there are is known from the volume, and which requests they answered is written in
 * them: an operator that is killed makes none twice.
 */
export class SnapshotReconciler {
  readonly #memories = new Map<string, Memory>();
  /** When one that failed is made again, by the ChatCluster's uid; another request does not wait for that. */
  readonly #failed = new Map<
    string,
    { readonly atMs: number; readonly request: string | undefined; readonly problem: NonNullable<RingWork["problem"]> }
  >();

  async reconcile(context: ConcernContext, cluster: ChatCluster, input: SnapshotsInput): Promise<SnapshotsOutcome> {
    const before = cluster.status?.cassandra?.snapshots;
    const { uid } = cluster.metadata;
    if (!cluster.spec.cassandra.snapshots) return { status: undefined };
    if (!input.store) return { status: before };
    const request = cluster.metadata.annotations?.[SNAPSHOT_ANNOTATION]?.slice(0, MAX_REQUEST);
    try {
      const outcome = await this.#look(context, cluster, { ...input, store: input.store }, request);
      const failed = this.#failed.get(uid);
      return failed ? { problem: failed.problem, ...outcome } : outcome;
    } catch (error) {
      const problem = { reason: "SnapshotFailed", message: `there is no new snapshot: ${messageOf(error)}` };
      this.#failed.set(uid, { atMs: context.clock.monotonicMs() + RETRY_MS, request, problem });
      this.#memories.delete(uid);
      return { status: before && without(before, "running"), problem, waitMs: RETRY_MS };
    }
  }

  forget(uid: string): void {
    this.#memories.delete(uid);
    this.#failed.delete(uid);
  }

  async #look(
    context: ConcernContext,
    cluster: ChatCluster,
    input: SnapshotsInput & { readonly store: ReadyStore },
    request: string | undefined,
  ): Promise<SnapshotsOutcome> {
    const { uid } = cluster.metadata;
    const memory = await this.#remember(context, uid, input);
    if (memory.running !== undefined) {
      const isOver = await this.#follow(context, cluster, input, memory, memory.running);
      if (!isOver) return { status: statusOf(cluster, memory), waitMs: POLL_MS };
    }
    const status = statusOf(cluster, memory);
    const asked = request !== undefined && request !== status.request;
    const { everyHours, keep } = cluster.spec.cassandra.snapshots ?? { everyHours: 0, keep: 1 };
    const dueMs = asked ? 0 : msUntilDue(status, everyHours, context.clock.now());
    // Nobody waits for the one that failed any more.
    if (dueMs !== 0) this.#failed.delete(uid);
    if (dueMs === undefined) return { status };
    if (dueMs > 0) return { status, waitMs: Math.min(dueMs, HOUR_MS) };
    const failed = this.#failed.get(uid);
    if (failed && failed.request === request && failed.atMs > context.clock.monotonicMs())
      return { status, waitMs: RETRY_MS };
    if (!input.isQuiet || input.ready.length !== input.nodes) return { status, waitMs: WAIT_MS };
    await this.#begin(context, cluster, input, memory, { keep, ...(asked ? { request } : {}) });
    return { status: statusOf(cluster, memory), waitMs: POLL_MS };
  }

  async #remember(
    context: ConcernContext,
    uid: string,
    { store, token }: { readonly store: ReadyStore; readonly token: string },
  ): Promise<Memory> {
    const known = this.#memories.get(uid);
    if (known?.storeUid === store.uid) return known;
    const { snapshots, running } = await context.snapshotStore.list(store, token, context.signal);
    // One that a store which was restarted since was making is not there and not on its way: it is due still.
    const memory = { storeUid: store.uid, snapshots, running };
    this.#memories.set(uid, memory);
    return memory;
  }

  async #begin(
    context: ConcernContext,
    cluster: ChatCluster,
    { store, token, ready }: SnapshotsInput & { readonly store: ReadyStore },
    memory: Memory,
    wanted: Pick<TakeSnapshot, "keep" | "request">,
  ): Promise<void> {
    const name = snapshotName(cluster.metadata.name, context.clock.now());
    // There is one of this second already.
    if (memory.snapshots.some((snapshot) => snapshot.name === name)) return;
    const nodes = podsByNumber(ready).map((pod) => ({ pod: pod.metadata.name, ip: pod.status?.podIP ?? "" }));
    await context.snapshotStore.take(store, token, { ...wanted, name, nodes }, context.signal);
    memory.running = name;
  }

  /** @returns whether the snapshot is complete. @throws CodedError with why it never will be */
  async #follow(
    context: ConcernContext,
    cluster: ChatCluster,
    { store, token }: { readonly store: ReadyStore; readonly token: string },
    memory: Memory,
    name: string,
  ): Promise<boolean> {
    const { state, message } = await context.snapshotStore.state(store, token, name, context.signal);
    if (state === "running") return false;
    if (state !== "completed")
      throw new CodedError("snapshot_failed", message ?? `whoever made ${name} was restarted meanwhile`);
    memory.snapshots = (await context.snapshotStore.list(store, token, context.signal)).snapshots;
    memory.running = undefined;
    this.#failed.delete(cluster.metadata.uid);
    const bytes = memory.snapshots.find((snapshot) => snapshot.name === name)?.bytes ?? 0;
    const note = `Snapshot ${name} is complete: ${bytes} bytes`;
    context.logger.info({ event: "SnapshotTaken" }, note);
    context.events.record(cluster, { type: "Normal", reason: "SnapshotTaken", action: "TakeSnapshot", note });
    return true;
  }
}

function statusOf(cluster: ChatCluster, { snapshots, running }: Memory): SnapshotsStatus {
  const own = snapshots.filter(({ name }) => clusterOfSnapshot(name) === cluster.metadata.name);
  const last = own.at(-1);
  const request =
    own.findLast((snapshot) => snapshot.request !== undefined)?.request ??
    cluster.status?.cassandra?.snapshots?.request;
  return {
    names: snapshots.slice(-100).map(({ name }) => name),
    ...(last && { last: { name: last.name, takenAt: last.takenAt, bytes: last.bytes } }),
    ...(request === undefined ? {} : { request }),
    ...(running === undefined ? {} : { running }),
  };
}

/** Undefined where none is ever due. */
function msUntilDue({ last }: SnapshotsStatus, everyHours: number, now: Date): number | undefined {
  if (everyHours === 0) return undefined;
  return last ? Math.max(0, Date.parse(last.takenAt) + everyHours * HOUR_MS - now.getTime()) : 0;
}

function without(status: SnapshotsStatus, field: "running"): SnapshotsStatus {
  const { [field]: _gone, ...rest } = status;
  return rest;
}
