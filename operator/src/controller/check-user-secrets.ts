import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import { JWT_SECRET_KEY } from "../resource/chat-environment.ts";
import { wantedPushServices } from "../resource/push-credentials.ts";
import { type Clock, isNotFound, type KubernetesObject, Secret } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";

/** RFC 7518 section 3.2: a key of HS256 has at least the 256 bits of its hash. */
const MIN_KEY_BYTES = 32;
/** How long a Secret that was found fit is not asked for again. It carries no label of ours, so no cache holds it. */
const RECHECK_MS = 60_000;

/** A key of a Secret that a spec names. */
interface Demand {
  /** The field that names the Secret, for messages. */
  readonly field: string;
  readonly secretName: string;
  readonly key: string;
  /** `AuthSecret`, of which the reasons `AuthSecretMissing` and `AuthSecretInvalid` are made. */
  readonly reason: string;
  /** What is wrong with the value, to stand after "the Secret". */
  unfit(value: Buffer): string | undefined;
}

/** What the look at the push services' Secrets gave. */
export interface PushCheck {
  /** Those whose key is there. */
  readonly services: readonly PushService[];
  readonly problems: readonly Problem[];
}

/** Checks that the Secrets which a spec names are there and fit, so that it is not the chat server's pods that say so. */
export class UserSecretsCheck {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** When each demand of a ChatCluster was last met, by its uid. */
  readonly #fit = new Map<string, Map<string, number>>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** The Secret with the key of users' tokens. */
  async auth(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
    const { secretName } = cluster.spec.auth;
    if (secretName === undefined) return undefined;
    return this.#check(context, cluster, {
      field: "spec.auth.secretName",
      secretName,
      key: JWT_SECRET_KEY,
      reason: "AuthSecret",
      unfit: ({ length }) =>
        length < MIN_KEY_BYTES
          ? `holds ${length} bytes under ${JWT_SECRET_KEY}; HS256 needs ${MIN_KEY_BYTES} or more`
          : undefined,
    });
  }

  /** The Secret with the login of a Cassandra that somebody else runs. */
  async cassandra(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
    const { external } = cluster.spec.cassandra;
    if (!external) return undefined;
    const check = (key: string) =>
      this.#check(context, cluster, {
        field: "spec.cassandra.external.secretName",
        secretName: external.secretName,
        key,
        reason: "CassandraSecret",
        unfit: ({ length }) => (length === 0 ? `holds nothing under ${key}` : undefined),
      });
    return (await check("username")) ?? (await check("password"));
  }

  /** The Secret with the certificate of HAProxy, or of the Ingress. */
  async tls(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
    const { tls, ingress } = cluster.spec.ingress;
    const secretName = tls?.secretName ?? ingress?.tls?.secretName;
    if (secretName === undefined) return undefined;
    const field = tls ? "spec.ingress.tls.secretName" : "spec.ingress.ingress.tls.secretName";
    const demand = { field, secretName, reason: "TlsSecret" };
    const isPem = (value: Buffer) => (value.includes("-----BEGIN ") ? undefined : "holds no PEM text");
    return (
      (await this.#check(context, cluster, { ...demand, key: "tls.crt", unfit: isPem })) ??
      (await this.#check(context, cluster, { ...demand, key: "tls.key", unfit: isPem }))
    );
  }

  /** The Secrets with the logins to a Redis of the user. */
  async redis(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
    const { external } = cluster.spec.redis;
    const demands = [
      ["spec.redis.external.secretName", external?.secretName],
      ["spec.redis.external.sentinels.secretName", external?.sentinels?.secretName],
    ] as const;
    for (const [field, secretName] of demands) {
      if (secretName === undefined) continue;
      const problem = await this.#check(context, cluster, {
        field,
        secretName,
        key: "password",
        reason: "RedisSecret",
        unfit: ({ length }) => (length === 0 ? "holds nothing under password" : undefined),
      });
      if (problem) return problem;
    }
    return undefined;
  }

  /** The Secrets with the keys of the push services. */
  async push(context: ConcernContext, cluster: ChatCluster): Promise<PushCheck> {
    const services: PushService[] = [];
    const problems: Problem[] = [];
    for (const service of wantedPushServices(cluster)) {
      const { secretName = "", key = "" } = cluster.spec.push[service] ?? {};
      const problem = await this.#check(context, cluster, {
        field: `spec.push.${service}.secretName`,
        secretName,
        key,
        reason: "PushSecret",
        unfit: ({ length }) => (length === 0 ? `holds nothing under ${key}` : undefined),
      });
      if (problem) problems.push(problem);
      else services.push(service);
    }
    return { services, problems };
  }

  forget(uid: string): void {
    this.#fit.delete(uid);
  }

  async #check({ client }: ConcernContext, cluster: ChatCluster, demand: Demand): Promise<Problem | undefined> {
    const { namespace, uid } = cluster.metadata;
    const name = JSON.stringify([demand.field, demand.secretName, demand.key]);
    const fit = this.#fit.get(uid) ?? new Map<string, number>();
    this.#fit.set(uid, fit);
    const since = fit.get(name);
    if (since !== undefined && this.#clock.monotonicMs() - since < RECHECK_MS) return undefined;
    const secret = await client.get(Secret, { namespace, name: demand.secretName }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
    const problem = problemOf(secret, demand);
    if (problem) fit.delete(name);
    else fit.set(name, this.#clock.monotonicMs());
    return problem;
  }
}

function problemOf(secret: KubernetesObject | undefined, demand: Demand): Problem | undefined {
  const subject = `Secret ${demand.secretName}, which ${demand.field} names,`;
  if (!secret) return { reason: `${demand.reason}Missing`, message: `${subject} does not exist` };
  const value = (secret.data as Record<string, string> | undefined)?.[demand.key];
  const unfit = value === undefined ? `has no key ${demand.key}` : demand.unfit(Buffer.from(value, "base64"));
  return unfit === undefined ? undefined : { reason: `${demand.reason}Invalid`, message: `${subject} ${unfit}` };
}
