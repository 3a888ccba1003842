import { messageOf } from "@chatcluster/foundation/errors";
import { type ChatCluster, parseChatCluster } from "../api/chat-cluster.ts";
import {
  type KubernetesObject,
  keyOf,
  mergeConditions,
  type NamespacedName,
  type ReconcileContext,
  type Result,
} from "../runtime/index.ts";
import { isPaused, paused } from "../status/paused.ts";
import { checkImages } from "./check-images.ts";
import { UserSecretsCheck } from "./check-user-secrets.ts";
import type { ConcernContext, Dependencies, Problem } from "./dependencies.ts";
import { failureProblem, isLasting } from "./failure-problem.ts";
import { CassandraReconciler } from "./reconcile-cassandra.ts";
import type { CredentialsState } from "./reconcile-credentials.ts";
import { reconcileIngress } from "./reconcile-ingress.ts";
import { reconcileMonitoring } from "./reconcile-monitoring.ts";
import { chatPasswordsDigest, type PasswordsOutcome, reconcilePasswords } from "./reconcile-passwords.ts";
import { reconcileRedis } from "./reconcile-redis.ts";
import { RedisPasswordsReconciler } from "./reconcile-redis-passwords.ts";
import { ScalingReconciler } from "./reconcile-scaling.ts";
import { type Credentials, reconcileSecrets } from "./reconcile-secrets.ts";
import { reconcileServers } from "./reconcile-servers.ts";
import { reconcileStatus, writeStatus } from "./reconcile-status.ts";
import { RedisWatch } from "./watch-redis.ts";

/** How soon something outside of Kubernetes' watches (a Secret of the user, Cassandra's roles) is looked at again. */
const RETRY_MS = 5_000;

/** Brings one ChatCluster towards its spec: secrets → stores → servers → ingress → status, each in its own file. */
export class ChatClusterReconciler {
  readonly #dependencies: Dependencies;
  readonly #scaling: ScalingReconciler;
  readonly #cassandra = new CassandraReconciler();
  readonly #userSecrets: UserSecretsCheck;
  readonly #redis: RedisWatch;
  readonly #redisPasswords = new RedisPasswordsReconciler();
  readonly #uids = new Map<string, string>();
  /** Parsed specs by uid: a spec changes with its generation only. */
  readonly #specs = new Map<string, Pick<ChatCluster, "spec"> & { generation: number }>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#scaling = new ScalingReconciler(dependencies.clock);
    this.#userSecrets = new UserSecretsCheck(dependencies.clock);
    this.#redis = new RedisWatch(dependencies.clock);
    dependencies.informers.pods.addHandler({
      deleted: ({ metadata: { uid = "" } }) => {
        this.#scaling.forgetPod(uid);
        this.#redis.forgetPod(uid);
        this.#redisPasswords.forgetPod(uid);
      },
    });
  }

  readonly reconcile = async (request: NamespacedName, run: ReconcileContext): Promise<Result | undefined> => {
    const key = keyOf(request);
    const object = this.#dependencies.informers.chatClusters.get(key);
    if (object?.metadata.uid !== this.#uids.get(key)) this.#forget(key);
    // Owner references take everything along; nothing waits for the operator.
    if (!object || object.metadata.deletionTimestamp) return undefined;
    this.#uids.set(key, object.metadata.uid ?? "");
    const context: ConcernContext = { ...this.#dependencies, ...run };
    const cluster = this.#parse(context, object);
    if (isPaused(cluster)) {
      await this.#writePaused(context, cluster);
      return undefined;
    }
    return this.#reconcile(context, cluster);
  };

  async #reconcile(context: ConcernContext, cluster: ChatCluster): Promise<Result | undefined> {
    const work = new Work();
    work.note(checkImages(context, cluster));
    await work.run("auth", async () => work.note(await this.#userSecrets.auth(context, cluster)));
    await work.run("cassandra login", async () => work.note(await this.#userSecrets.cassandra(context, cluster)));
    await work.run("tls", async () => work.note(await this.#userSecrets.tls(context, cluster)));
    await work.run("redis login", async () => work.note(await this.#userSecrets.redis(context, cluster)));
    const secrets = await work.run("secrets", () => reconcileSecrets(context, cluster));
    // Children refer to the Secrets; without them, or with an image that nobody named, pods could only fail.
    const outcome =
      secrets && !work.blocked ? await this.#reconcileChildren(context, cluster, secrets, work) : undefined;
    const failures = work.failures.map(failureProblem);
    for (const { reason, message } of [...work.problems, ...failures.filter(isLasting)])
      context.events.record(cluster, { type: "Warning", reason, action: "Reconcile", note: message });
    await reconcileStatus(context, cluster, {
      credentials: credentialsOf(outcome?.cassandra?.credentials),
      ring: outcome?.cassandra?.ring ?? cluster.status?.cassandra,
      ringWork: outcome?.cassandra?.work,
      redisView: outcome?.redis?.view,
      ingressProblem: outcome?.ingressProblem,
      passwords: outcome?.passwords ?? { status: cluster.status?.passwords },
      scaling: outcome?.scaling?.decision,
      desiredServers: outcome?.scaling?.decision.replicas,
      draining: outcome?.scaling?.draining ?? [],
      connections: outcome?.scaling?.connections,
      problems: work.problems,
      failures,
    });
    if (work.failures.length > 0) throw new AggregateError(work.failures, "");
    const retry = work.problems.length > 0 || outcome?.cassandra?.credentials.ready === false ? RETRY_MS : undefined;
    const waits = [outcome?.scaling, outcome?.redis, outcome?.passwords].map((each) => each?.requeueAfterMs);
    return requeue([...waits, outcome?.cassandra?.requeueAfterMs, retry]);
  }

  async #reconcileChildren(context: ConcernContext, cluster: ChatCluster, secrets: Credentials, work: Work) {
    const cassandra = await work.run("cassandra", () => this.#cassandra.reconcile(context, cluster, secrets));
    for (const problem of cassandra?.problems ?? []) work.note(problem);
    await work.run("redis", async () => work.note(await reconcileRedis(context, cluster)));
    const redis = await work.run("redis watch", () => this.#watchRedis(context, cluster, secrets));
    work.note(redis?.problem);
    // Chat servers that start would make a keyspace of their own, and people would write into it.
    const { restore } = cluster.spec.cassandra;
    if (cassandra?.isRestoring ?? (restore !== undefined && cluster.status?.cassandra?.restored === undefined)) {
      return { scaling: undefined, cassandra, redis, ingressProblem: await this.#wayIn(context, cluster, work) };
    }
    const scaling = await work.run("scaling", () => this.#scaling.reconcile(context, cluster, secrets.adminTokens));
    const push = await work.run("push", () => this.#userSecrets.push(context, cluster));
    for (const problem of push?.problems ?? []) work.note(problem);
    // Not known which keys are there: the servers stay as they are.
    if (scaling && push)
      await work.run("servers", () =>
        reconcileServers(context, cluster, scaling.replicas, push.services, chatPasswordsDigest(cluster, secrets)),
      );
    const ingressProblem = await this.#wayIn(context, cluster, work);
    await work.run("monitoring", async () => work.note(await reconcileMonitoring(context, cluster)));
    const passwords = await work.run("passwords", () =>
      this.#rotatePasswords(context, cluster, secrets, cassandra?.credentials, work),
    );
    return { scaling, cassandra, redis, ingressProblem, passwords };
  }

  async #rotatePasswords(
    context: ConcernContext,
    cluster: ChatCluster,
    secrets: Credentials,
    cassandra: CredentialsState | undefined,
    work: Work,
  ): Promise<PasswordsOutcome> {
    const redis = await this.#redisPasswords.reconcile(context, cluster, secrets);
    work.note(redis.problem);
    const know = { redis: redis.applied, cassandra: cassandra?.ready === true && cassandra.applied };
    return reconcilePasswords(context, cluster, secrets, know);
  }

  async #wayIn(context: ConcernContext, cluster: ChatCluster, work: Work) {
    const problem = await work.run("ingress", () => reconcileIngress(context, cluster));
    work.note(problem);
    return problem;
  }

  async #watchRedis(context: ConcernContext, cluster: ChatCluster, { redisNode }: Credentials) {
    return redisNode === undefined ? undefined : this.#redis.reconcile(context, cluster, redisNode);
  }

  #parse({ events }: ConcernContext, object: KubernetesObject): ChatCluster {
    const { uid = "", generation } = object.metadata;
    const known = this.#specs.get(uid);
    if (known && known.generation === generation) return { ...object, spec: known.spec } as ChatCluster;
    try {
      const cluster = parseChatCluster(object);
      this.#specs.set(uid, { spec: cluster.spec, generation: cluster.metadata.generation });
      return cluster;
    } catch (error) {
      events.record(object, { type: "Warning", reason: "InvalidSpec", action: "Reconcile", note: messageOf(error) });
      throw error;
    }
  }

  async #writePaused(context: ConcernContext, cluster: ChatCluster): Promise<void> {
    const { status, metadata } = cluster;
    const conditions = mergeConditions(status?.conditions, [paused(cluster)], metadata.generation, context.clock);
    await writeStatus(context, cluster, { ...status, conditions });
  }

  #forget(key: string): void {
    const uid = this.#uids.get(key);
    if (uid === undefined) return;
    this.#uids.delete(key);
    this.#scaling.forget(uid);
    this.#cassandra.forget(uid);
    this.#userSecrets.forget(uid);
    this.#redis.forget(uid);
    this.#dependencies.settled.forget(uid);
    this.#specs.delete(uid);
  }
}

/** Runs concerns one after the other; one that fails does not keep the others from their work. */
class Work {
  readonly failures: unknown[] = [];
  readonly problems: Problem[] = [];

  get blocked(): boolean {
    return this.problems.some(({ reason }) => reason === "ImageMissing");
  }

  async run<Value>(_concern: string, work: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failures.push(error);
      return undefined;
    }
  }

  note(problem: Problem | undefined): void {
    if (problem) this.problems.push(problem);
  }
}

function credentialsOf(state: CredentialsState | undefined): { ready: boolean; problem?: Problem } {
  if (!state || state.ready) return { ready: state?.ready ?? false };
  return state.waiting ? { ready: false } : { ready: false, problem: state.problem };
}

function requeue(milliseconds: readonly (number | undefined)[]): Result | undefined {
  const waits = milliseconds.filter((ms) => ms !== undefined);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}
