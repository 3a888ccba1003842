import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisServers } from "../api/spec/redis.ts";
import { nextToRoll } from "../redis/roll.ts";
import { type RedisReading, type RedisView, redisView, type SentinelReading } from "../redis/view.ts";
import { childName } from "../resource/names.ts";
import { SENTINEL_QUORUM, sentinelNames } from "../resource/redis-members.ts";
import { type Clock, isNotFound, type KubernetesObject, keyOf, Pod, StatefulSet } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { childInformer } from "./informers.ts";
import { isReady, isTerminating, type PodObject, podsOf } from "./pods.ts";
import { ServerReadings } from "./server-readings.ts";

/** Label of a Redis pod for people; nothing selects by it, for a label lags behind a failover. */
export const ROLE_LABEL = "chatcluster.dev/redis-role";

/** Milliseconds between two looks, and while something is on its way. */
const POLL_MS = 5_000;
const BUSY_POLL_MS = 2_000;
/** Milliseconds without a master after which none will come by itself: a failover takes 10 s, one that is given up and begun again 40. */
const STUCK_MS = 60_000;

/** Milliseconds that the sentinels have to lead a replica to the master. They never do for one that joined just before a failover: they do not know it. */
const ASTRAY_MS = 20_000;

/** Milliseconds that sentinels have to find each other, at their start and when pods are replaced, before it is told that they cannot fail over. */
const QUORUM_MS = 15_000;

/** What the look at Redis gave. */
export interface RedisOutcome {
  readonly view: RedisView;
  readonly problem: Problem | undefined;
  readonly requeueAfterMs: number;
}

/** In mode `sentinel`: finds out who is the master, tells of failovers, and replaces pods with older settings in the right order. */
export class RedisWatch {
  readonly #clock: Clock;
  readonly #servers: ServerReadings<RedisReading>;
  readonly #sentinels: ServerReadings<SentinelReading>;
  /** The last look at which nothing was wrong, by the ChatCluster's uid. Objects of a cache are replaced, never changed. */
  readonly #whole = new Map<string, { atMs: number; pods: readonly PodObject[]; view: RedisView }>();
  /** Since when a ChatCluster has no master, by its uid. */
  readonly #masterless = new Map<string, number>();
  /** Since when the sentinels of a ChatCluster could not fail over, by its uid. */
  readonly #leaderless = new Map<string, number>();
  /** Since when a replica follows another than the master, by its pod's uid. */
  readonly #astray = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#servers = new ServerReadings(clock);
    this.#sentinels = new ServerReadings(clock);
  }

  /** @param password of the user `node` */
  async reconcile(context: ConcernContext, cluster: ChatCluster, password: string): Promise<RedisOutcome> {
    const pods = podsOf(context.informers, cluster, "redis");
    const view = await this.#look(context, cluster, pods, password);
    tellOfFailover(context, cluster, view);
    await labelPods(context, pods, view);
    await this.#leadBack(context, cluster, pods, view, password);
    const isRolling = await this.#roll(context, cluster, pods, view);
    return {
      view,
      problem: this.#quorumProblem(cluster, view),
      requeueAfterMs: isWhole(cluster, view) && !isRolling ? POLL_MS : BUSY_POLL_MS,
    };
  }

  forget(uid: string): void {
    this.#masterless.delete(uid);
    this.#leaderless.delete(uid);
    this.#whole.delete(uid);
  }

  /** A pod is gone: its reading too. */
  forgetPod(uid: string): void {
    this.#servers.forget(uid);
    this.#sentinels.forget(uid);
    this.#astray.delete(uid);
  }

  /** A view in which nothing was wrong is good for a while, if the pods are the same: chat servers are looked at more often. */
  async #look(
    context: ConcernContext,
    cluster: ChatCluster,
    pods: readonly PodObject[],
    password: string,
  ): Promise<RedisView> {
    const { uid } = cluster.metadata;
    const [now, known] = [this.#clock.monotonicMs(), this.#whole.get(uid)];
    const isSame = known?.pods.length === pods.length && known.pods.every((pod, index) => pod === pods[index]);
    if (known && isSame && now - known.atMs < POLL_MS) return known.view;
    const view = await this.#read(context, cluster, pods, password);
    if (isWhole(cluster, view)) this.#whole.set(uid, { atMs: now, pods, view });
    else this.#whole.delete(uid);
    return view;
  }

  async #read(
    context: ConcernContext,
    cluster: ChatCluster,
    pods: readonly PodObject[],
    password: string,
  ): Promise<RedisView> {
    const { redisInspector, logger } = context;
    const unread = (pod: KubernetesObject, error: unknown) =>
      logger.debug({ pod: pod.metadata.name }, `not read: ${messageOf(error)}`);
    const sentinels = podsOf(context.informers, cluster, "sentinel");
    const [servers, readings] = await Promise.all([
      this.#servers.all(pods.filter(hasAddress), (pod) => redisInspector.server(placeOf(pod), password), unread),
      this.#sentinels.all(
        sentinels.filter(hasAddress),
        (pod) => redisInspector.sentinel(placeOf(pod), password),
        unread,
      ),
    ]);
    return redisView(servers, [...readings.values()], SENTINEL_QUORUM);
  }

  async #leadBack(
    context: ConcernContext,
    cluster: ChatCluster,
    pods: readonly PodObject[],
    { master, astray, quorum }: RedisView,
    password: string,
  ): Promise<void> {
    const now = this.#clock.monotonicMs();
    for (const pod of pods) {
      const { uid = "", name } = pod.metadata;
      if (!quorum || master === undefined || !astray.includes(name)) {
        this.#astray.delete(uid);
        continue;
      }
      const since = this.#astray.get(uid) ?? now;
      this.#astray.set(uid, since);
      if (now - since < ASTRAY_MS) continue;
      await context.redisInspector.follow(placeOf(pod), password, master);
      this.#astray.delete(uid);
      const note = `Led ${name} to Redis' master ${master}: it followed another server`;
      context.logger.info({ pod: name, master }, note);
      context.events.record(cluster, { type: "Normal", reason: "RedisReplicaLedBack", action: "Watch", note });
    }
  }

  /** Whether pods with older settings are left. */
  async #roll(
    context: ConcernContext,
    cluster: ChatCluster,
    pods: readonly PodObject[],
    view: RedisView,
  ): Promise<boolean> {
    const revision = updateRevision(context, cluster);
    if (revision === undefined) return false;
    const isUpdated = (pod: PodObject) => pod.metadata.labels?.["controller-revision-hash"] === revision;
    const step = nextToRoll({
      pods: pods.map((pod) => ({
        name: pod.metadata.name,
        updated: isUpdated(pod),
        ready: isReady(pod),
        terminating: isTerminating(pod),
      })),
      view,
      servers: redisServers(cluster.spec.redis),
      stuck: this.#isStuck(cluster, view),
    });
    const pod = pods.find(({ metadata }) => metadata.name === step?.pod);
    if (step && pod) await replace(context, cluster, pod, step.message);
    return !pods.every(isUpdated);
  }

  #isStuck({ metadata: { uid } }: ChatCluster, { master }: RedisView): boolean {
    return this.#hasLasted(this.#masterless, uid, master === undefined, STUCK_MS);
  }

  /** Before the first master there is no quorum to lose. */
  #quorumProblem(cluster: ChatCluster, { quorum, agreeing }: RedisView): Problem | undefined {
    const isLost = !quorum && cluster.status?.redisMaster !== undefined;
    if (!this.#hasLasted(this.#leaderless, cluster.metadata.uid, isLost, QUORUM_MS)) return undefined;
    const { length } = sentinelNames(cluster);
    return {
      reason: "SentinelQuorumLost",
      message: `${agreeing} of ${length} sentinels answer and agree on Redis' master; ${SENTINEL_QUORUM} that also reach each other are needed to make another one the master`,
    };
  }

  /** Whether something is so, and has been for longer than `ms`. */
  #hasLasted(since: Map<string, number>, uid: string, holds: boolean, ms: number): boolean {
    if (!holds) {
      since.delete(uid);
      return false;
    }
    const now = this.#clock.monotonicMs();
    const began = since.get(uid) ?? now;
    since.set(uid, began);
    return now - began > ms;
  }
}

/** Whether there is a master that all others follow, and sentinels that could replace it. */
function isWhole(cluster: ChatCluster, { quorum, linked }: RedisView): boolean {
  return quorum && linked.length === redisServers(cluster.spec.redis) - 1;
}

/** The newest template's, once the StatefulSet's controller has seen it. */
function updateRevision({ informers }: ConcernContext, cluster: ChatCluster): string | undefined {
  const key = keyOf({ namespace: cluster.metadata.namespace, name: childName(cluster, "redis") });
  const { metadata, status } = (childInformer(informers, StatefulSet).get(key) ?? {}) as Partial<KubernetesObject> & {
    status?: { observedGeneration?: number; updateRevision?: string };
  };
  return (status?.observedGeneration ?? -1) >= (metadata?.generation ?? 0) ? status?.updateRevision : undefined;
}

async function replace(
  context: ConcernContext,
  cluster: ChatCluster,
  pod: KubernetesObject,
  message: string,
): Promise<void> {
  const { uid, name, namespace = "" } = pod.metadata;
  await context.client
    .delete(Pod, { namespace, name }, uid ? { preconditions: { uid } } : {})
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  const note = `Replaces pod ${name}: ${message}`;
  context.logger.info({ pod: name }, note);
  context.events.record(cluster, { type: "Normal", reason: "RedisPodReplaced", action: "Roll", note });
}

function tellOfFailover({ events, logger }: ConcernContext, cluster: ChatCluster, { master }: RedisView): void {
  const before = cluster.status?.redisMaster;
  if (master === undefined || before === undefined || before === master) return;
  const note = `Redis' master is ${master}, it was ${before}`;
  logger.info({ master, before }, note);
  events.record(cluster, { type: "Normal", reason: "RedisFailover", action: "Watch", note });
}

async function labelPods(
  { client, informers }: ConcernContext,
  pods: readonly PodObject[],
  { master }: RedisView,
): Promise<void> {
  if (master === undefined) return;
  for (const pod of pods) {
    const { uid, name, namespace = "", labels } = pod.metadata;
    const role = name === master ? "master" : "replica";
    if (labels?.[ROLE_LABEL] === role || isTerminating(pod)) continue;
    const patch = { metadata: { uid, labels: { [ROLE_LABEL]: role } } };
    await client.mergePatch(Pod, { namespace, name }, patch).then(
      (patched) => informers.pods.observe(patched),
      (error: unknown) => {
        // Gone, or another by now: the next look finds that one.
        if (!isNotFound(error)) throw error;
      },
    );
  }
}

function hasAddress(pod: PodObject): boolean {
  return pod.status?.podIP !== undefined;
}

function placeOf(pod: KubernetesObject): { pod: string; ip: string } {
  return { pod: pod.metadata.name, ip: (pod as PodObject).status?.podIP ?? "" };
}
