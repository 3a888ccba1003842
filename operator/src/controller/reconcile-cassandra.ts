import type { ChatCluster } from "../api/chat-cluster.ts";
import type { CassandraStatus } from "../api/status.ts";
import { nodesToCleanUp } from "../cassandra-ring/cleanup.ts";
import { cassandraObjects } from "../resource/cassandra.ts";
import { resolveImages } from "../resource/images.ts";
import { childName } from "../resource/names.ts";
import { type KubernetesObject, StatefulSet } from "../runtime/index.ts";
import { isSettled, workloadState } from "../status/workload-state.ts";
import { applyChildren } from "./apply-children.ts";
import { HostIds } from "./cassandra-host-ids.ts";
import { advanceScaleDown, ordinalOfClaim, type ScaleDownOutcome, staleClaim } from "./cassandra-scale-down.ts";
import { Cleanups } from "./cleanups.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { childInformer } from "./informers.ts";
import { isReady, isTerminating, podsOf } from "./pods.ts";
import { CredentialsReconciler, type CredentialsState } from "./reconcile-credentials.ts";
import { ReplicationReconciler } from "./reconcile-replication.ts";
import type { Credentials } from "./reconcile-secrets.ts";
import { reconcileSnapshotStore } from "./reconcile-snapshot-store.ts";
import { reconcileVolumes, templateVolumeSize } from "./reconcile-volumes.ts";
import { RepairSchedule } from "./repair-schedule.ts";
import { replaceBrokenPods } from "./replace-broken-pods.ts";
import { RestoreReconciler } from "./restore.ts";
import type { RingWork } from "./ring-work.ts";
import { SnapshotReconciler } from "./snapshots.ts";

export interface CassandraOutcome {
  readonly credentials: CredentialsState;
  /** The ring's size and copies, for the status. */
  readonly ring: CassandraStatus | undefined;
  readonly work: RingWork["work"];
  /** Whether messages are still on their way into it, for which the chat servers have to wait. */
  readonly isRestoring: boolean;
  readonly problems: readonly Problem[];
  /** Milliseconds until something that no watch tells of is to be looked at again. */
  readonly requeueAfterMs: number | undefined;
}

/** Cassandra's nodes as the spec wants them: how many, who may log in, how many copies there are. */
export class CassandraReconciler {
  readonly #credentials = new CredentialsReconciler();
  readonly #hostIds = new HostIds();
  readonly #cleanups = new Cleanups();
  readonly #restore = new RestoreReconciler();
  readonly #snapshots = new SnapshotReconciler();
  readonly #schedule = new RepairSchedule();
  readonly #replication = new ReplicationReconciler();

  async reconcile(context: ConcernContext, cluster: ChatCluster, secrets: Credentials): Promise<CassandraOutcome> {
    if (cluster.spec.cassandra.external) return nothing(context, cluster);
    const size = await this.#size(context, cluster, secrets);
    const volumeSize = templateVolumeSize(context.informers, cluster, "cassandra");
    const { replicas } = size;
    const before = cluster.status?.cassandra;
    const pods = podsOf(context.informers, cluster, "cassandra");
    await replaceBrokenPods(context, cluster, this.#statefulSet(context, cluster), pods);
    const ready = pods.filter((pod) => isReady(pod) && !isTerminating(pod));
    const token = secrets.cassandraAgentToken;
    const hostIds = await this.#hostIds.find(context, cluster, { ready, nodes: replicas, token });
    await applyChildren(context, cluster, "cassandra", {
      beside: [replicas, volumeSize, hostIds],
      render: () =>
        cassandraObjects(
          cluster,
          resolveImages(cluster, context.defaultImages),
          { replicas, volumeSize, hostIds },
          context.operatorNamespace,
        ),
    });
    const volumes = await reconcileVolumes(context, cluster, "cassandra");
    const { store, problem: storeProblem } = await reconcileSnapshotStore(context, cluster);
    const credentials = await this.#credentials.reconcile(context, cluster, { credentials: secrets, ready, replicas });
    const restore = await this.#restore.reconcile(context, cluster, {
      credentials: secrets,
      store,
      ready,
      nodes: replicas,
      mayLogIn: credentials.ready,
    });
    // Roles are in order once all nodes are up: before that there is nobody to ask.
    const replication = credentials.ready
      ? await this.#replication.reconcile(context, cluster, { credentials: secrets, ready, nodes: replicas })
      : { copies: before?.replicationFactor };
    const { nodes, replicationFactor } = cluster.spec.cassandra;
    const isQuiet = credentials.ready && !size.work && replicas === nodes && replication.copies === replicationFactor;
    const pending = nodesToCleanUp({ before, nodes: replicas, hostIds, copies: replication.copies });
    const cleanup = await this.#cleanups.reconcile(context, cluster, {
      token,
      ready,
      nodes: replicas,
      pending,
      isQuiet,
    });
    const schedule = await this.#schedule.reconcile(context, cluster, {
      credentials: secrets,
      ready,
      nodes: replicas,
      isQuiet: isQuiet && cleanup.pending.length === 0,
    });
    const snapshots = await this.#snapshots.reconcile(context, cluster, {
      token,
      store,
      ready,
      nodes: replicas,
      isQuiet: credentials.ready && !size.work && restore.isOver,
    });
    const parts: readonly RingWork[] = [size, restore, replication, cleanup, schedule, snapshots];
    return {
      credentials,
      ring: {
        nodes: Math.min(replicas, Math.max(before?.nodes ?? 0, ready.length)),
        ...(replication.copies === undefined ? {} : { replicationFactor: replication.copies }),
        ...(schedule.repairedAt.length === 0 ? {} : { repairedAt: [...schedule.repairedAt] }),
        ...(snapshots.status && { snapshots: snapshots.status }),
        ...(restore.restored && { restored: restore.restored }),
        ...(cleanup.pending.length === 0 ? {} : { cleanup: [...cleanup.pending] }),
        ...(hostIds.length === 0 ? {} : { hostIds: [...hostIds] }),
      },
      work: parts.find(({ work }) => work)?.work,
      isRestoring: !restore.isOver,
      problems: [
        volumes,
        storeProblem,
        credentials.ready ? credentials.problem : undefined,
        ...parts.map(({ problem }) => problem),
      ].filter((problem) => problem !== undefined),
      requeueAfterMs: shortest(parts.map(({ waitMs }) => waitMs)),
    };
  }

  forget(uid: string): void {
    this.#credentials.forget(uid);
    this.#replication.forget(uid);
    this.#cleanups.forget(uid);
    this.#restore.forget(uid);
    this.#snapshots.forget(uid);
    this.#schedule.forget(uid);
    this.#hostIds.forget(uid);
  }

  #statefulSet({ informers }: ConcernContext, cluster: ChatCluster): KubernetesObject | undefined {
    return childInformer(informers, StatefulSet).get(
      `${cluster.metadata.namespace}/${childName(cluster, "cassandra")}`,
    );
  }

  /** How many pods there should be now. */
  async #size(context: ConcernContext, cluster: ChatCluster, secrets: Credentials): Promise<ScaleDownOutcome> {
    const { nodes, replicationFactor } = cluster.spec.cassandra;
    const existing = this.#statefulSet(context, cluster);
    const current = (existing as (KubernetesObject & { spec?: { replicas?: number } }) | undefined)?.spec?.replicas;
    if (current === undefined) return { replicas: nodes };
    const isQuiet = isSettled(workloadState(existing, [], nodes));
    const copies = cluster.status?.cassandra?.replicationFactor ?? replicationFactor;
    const down = await advanceScaleDown(context, cluster, secrets.cassandraAgentToken, {
      current,
      mayBegin: isQuiet && copies === replicationFactor,
    });
    if (down.replicas !== current || down.work || nodes <= current) return down;
    const stale = staleClaim(context, cluster, current, nodes);
    return stale ? awaitClaim(cluster, stale) : { replicas: nodes };
  }
}

function shortest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((waitMs) => waitMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Somebody else runs Cassandra, and has made the roles. */
async function nothing(context: ConcernContext, cluster: ChatCluster): Promise<CassandraOutcome> {
  await applyChildren(context, cluster, "cassandra", { beside: [], render: () => [] });
  return {
    credentials: { ready: true, applied: true },
    ring: undefined,
    work: undefined,
    isRestoring: false,
    problems: [],
    requeueAfterMs: undefined,
  };
}

/** A number is used again only with a new volume. */
function awaitClaim(cluster: ChatCluster, claim: KubernetesObject): ScaleDownOutcome {
  const { name } = claim.metadata;
  const replicas = ordinalOfClaim(claim);
  const work = { reason: "WaitingForVolume", message: `Cassandra: waiting for volume claim ${name} to be gone` };
  if (cluster.spec.retention.volumes === "Delete") return { replicas, work, waitMs: 2_000 };
  const message = `volume claim ${name} is of a node that has left the ring: delete it, so that node ${replicas} can join with a new one`;
  return { replicas, work, problem: { reason: "VolumeOfDecommissionedNode", message }, waitMs: 5_000 };
}
