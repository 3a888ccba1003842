import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisServers } from "../api/spec/redis.ts";
import { phaseOf, wasRotated } from "../passwords/rotation.ts";
import { secretNames } from "../resource/names.ts";
import { PASSWORDS_ANNOTATION, passwordsDigest } from "../resource/passwords-annotation.ts";
import type { RedisAccess } from "../resource/redis-access.ts";
import { type RedisMember, sentinelNames } from "../resource/redis-members.ts";
import { isNotFound, Pod } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { isReady, isTerminating, type PodObject, podsOf } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";

/** Whether all of Redis accepts just the passwords of the Secret. */
export interface RedisPasswordsState {
  readonly applied: boolean;
  readonly problem?: Problem;
}

/**
 * Tells each Redis server and sentinel the passwords that the Secret has, when those are others, and when the server has started anew: it may have read the file
 * just before it changed. Who was told what is remembered in memory only: the next operator tells them once more, which changes nothing.
 */
export class RedisPasswordsReconciler {
  /** What each pod was told, and in which of its lives, by its uid. */
  readonly #told = new Map<string, string>();

  async reconcile(
    context: ConcernContext,
    cluster: ChatCluster,
    { redis: access, rotating }: Credentials,
  ): Promise<RedisPasswordsState> {
    // Before the first rotation there is nothing to tell: each has but ever read the one file.
    const secret = rotating.get(secretNames(cluster).redis);
    if (!access || !secret || (phaseOf(secret) === "settled" && !wasRotated(secret))) return { applied: true };
    const digest = passwordsDigest(access);
    const members: [RedisMember, number][] = [
      ["redis", redisServers(cluster.spec.redis)],
      ["sentinel", sentinelNames(cluster).length],
    ];
    let isComplete = true;
    try {
      for (const [member, wanted] of members) {
        const pods = podsOf(context.informers, cluster, member).filter((pod) => isReady(pod) && !isTerminating(pod));
        for (const pod of pods) await this.#tell(context, pod, member, access, digest);
        isComplete &&= pods.length >= wanted;
      }
    } catch (error) {
      return { applied: false, problem: { reason: "PasswordsNotApplied", message: messageOf(error) } };
    }
    return { applied: isComplete };
  }

  forgetPod(uid: string): void {
    this.#told.delete(uid);
  }

  async #tell(
    context: ConcernContext,
    pod: PodObject,
    member: RedisMember,
    access: RedisAccess,
    digest: string,
  ): Promise<void> {
    const { uid = "", name } = pod.metadata;
    const life = `${pod.status?.containerStatuses?.map(({ restartCount }) => restartCount).join() ?? ""} ${digest}`;
    if (this.#told.get(uid) === life) return;
    const place = { pod: name, ip: pod.status?.podIP ?? "" };
    await context.redisPasswords.set(place, member, access);
    // The hook that runs before it ends reads the file of the Secret, and a kubelet looks at a pod that changes at once instead of within a minute or two.
    if (access.mode === "sentinel" && member === "redis") await annotate(context, pod, digest);
    this.#told.set(uid, life);
  }
}

async function annotate({ client, informers }: ConcernContext, pod: PodObject, digest: string): Promise<void> {
  const { uid, name, namespace = "", annotations } = pod.metadata;
  if (annotations?.[PASSWORDS_ANNOTATION] === digest) return;
  const patch = { metadata: { uid, annotations: { [PASSWORDS_ANNOTATION]: digest } } };
  await client.mergePatch(Pod, { namespace, name }, patch).then(
    (patched) => informers.pods.observe(patched),
    (error: unknown) => {
      // Gone, or another by now: the next look finds that one.
      if (!isNotFound(error)) throw error;
    },
  );
}
