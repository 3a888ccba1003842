import { randomBytes } from "node:crypto";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { JWT_SECRET_KEY } from "../resource/chat-environment.ts";
import { secretNames } from "../resource/names.ts";
import { redisUsers, sentinelUsers } from "../resource/redis-access.ts";
import { NODE_PASSWORD_KEY, REDIS_AUTH_KEY, redisAuthConfig, SENTINEL_AUTH_KEY } from "../resource/redis-config.ts";
import { SENTINEL_MASTER } from "../resource/redis-members.ts";
import { secretObjects } from "../resource/secrets.ts";
import { isNotFound, type KubernetesObject, Secret } from "../runtime/index.ts";
import { applyChildren } from "./apply-children.ts";
import { currentCertificates } from "./current-certificates.ts";
import type { ConcernContext } from "./dependencies.ts";
import { childInformer } from "./informers.ts";

/** What the operator itself needs of the Secrets. */
export interface Credentials {
  readonly adminToken: string;
  readonly cassandra: { readonly username: string; readonly password: string };
  readonly cassandraAdmin: { readonly username: string; readonly password: string };
  /** Of the agents beside Cassandra. */
  readonly cassandraAgentToken: string;
  /** Password of the user `node` of Redis and the sentinels, in mode `sentinel`. */
  readonly redisNode: string | undefined;
}

type Texts = Record<string, string>;

/**
 * Makes each Secret once, with random values, and keeps what it holds from then on. Before a value is made up, the API server itself is
 * asked: a cache that lags, or a Secret whose label somebody took off, must never replace a password that is in use.
 */
export async function reconcileSecrets(context: ConcernContext, cluster: ChatCluster): Promise<Credentials> {
  const names = secretNames(cluster);
  const redis = await redisTexts(context, cluster);
  const texts = {
    ...(needsAuthSecret(cluster) && {
      [names.auth]: await existingOr(context, cluster, names.auth, { [JWT_SECRET_KEY]: randomText }),
    }),
    [names.admin]: await existingOr(context, cluster, names.admin, { token: randomText }),
    ...(redis && { [names.redis]: redis }),
    ...(cluster.spec.cassandra.external === undefined && (await cassandraTexts(context, cluster))),
  };
  if (cluster.spec.ingress.tls?.ownAuthority) {
    const authority = await held(context, cluster, names.authority, ["ca.crt", "ca.key"]);
    const tls = await held(context, cluster, names.tls, ["tls.crt", "tls.key"]);
    Object.assign(texts, await currentCertificates(context, cluster, { authority, tls }));
  }
  await applyChildren(context, cluster, "secrets", { beside: texts, render: () => secretObjects(cluster, texts) });
  return {
    adminToken: texts[names.admin]?.token ?? "",
    cassandra: login(texts[names.cassandra]),
    cassandraAdmin: login(texts[names.cassandraAdmin]),
    cassandraAgentToken: texts[names.cassandraAgent]?.token ?? "",
    redisNode: redis?.[NODE_PASSWORD_KEY],
  };
}

/** What the Secret of our own Redis holds; undefined where Redis is somebody else's. */
async function redisTexts(context: ConcernContext, cluster: ChatCluster): Promise<Texts | undefined> {
  const name = secretNames(cluster).redis;
  switch (cluster.spec.redis.mode) {
    case "external":
      return undefined;
    case "standalone": {
      const { password = "" } = await existingOr(context, cluster, name, { password: randomText });
      return { password, [REDIS_AUTH_KEY]: redisAuthConfig(password) };
    }
    case "sentinel": {
      const makers = { password: randomText, [NODE_PASSWORD_KEY]: randomText };
      const { password: chat = "", [NODE_PASSWORD_KEY]: node = "" } = await existingOr(context, cluster, name, makers);
      const passwords = { chat, node };
      return {
        password: chat,
        [NODE_PASSWORD_KEY]: node,
        [REDIS_AUTH_KEY]: redisUsers(passwords),
        [SENTINEL_AUTH_KEY]: sentinelUsers(passwords, SENTINEL_MASTER),
      };
    }
  }
}

/** Logins and the agents' token of a Cassandra of our own. */
async function cassandraTexts(context: ConcernContext, cluster: ChatCluster): Promise<Record<string, Texts>> {
  const names = secretNames(cluster);
  return {
    [names.cassandra]: await existingOr(context, cluster, names.cassandra, {
      username: () => "chat",
      password: randomText,
    }),
    [names.cassandraAdmin]: await existingOr(context, cluster, names.cassandraAdmin, {
      username: () => "chatcluster_operator",
      password: randomText,
    }),
    [names.cassandraAgent]: await existingOr(context, cluster, names.cassandraAgent, { token: randomText }),
  };
}

function needsAuthSecret(cluster: ChatCluster): boolean {
  return cluster.spec.auth.secretName === undefined && cluster.spec.auth.jwksUrl === undefined;
}

/** 256 random bits, in letters that no configuration file has to quote. */
function randomText(): string {
  return randomBytes(32).toString("base64url");
}

function login(texts: Texts | undefined): { username: string; password: string } {
  return { username: texts?.username ?? "", password: texts?.password ?? "" };
}

async function existingOr(
  context: ConcernContext,
  cluster: ChatCluster,
  name: string,
  makers: Record<string, () => string>,
): Promise<Texts> {
  const known = await held(context, cluster, name, Object.keys(makers));
  return Object.fromEntries(Object.entries(makers).map(([key, make]) => [key, known[key] || make()]));
}

/** What a Secret holds, by key: of the cache if all of the keys are there, else of the API server; nothing if there is no such Secret. */
async function held(
  { informers, client }: ConcernContext,
  cluster: ChatCluster,
  name: string,
  keys: readonly string[],
): Promise<Texts> {
  const { namespace } = cluster.metadata;
  const cached = childInformer(informers, Secret).get(`${namespace}/${name}`);
  const complete = cached && keys.every((key) => textsOf(cached)[key]);
  const live = complete ? cached : await client.get(Secret, { namespace, name }).catch(absent);
  return live ? textsOf(live) : {};
}

function absent(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

function textsOf(secret: KubernetesObject): Texts {
  const data = (secret.data ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}
