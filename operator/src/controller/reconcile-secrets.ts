import { randomBytes } from "node:crypto";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { rotationRequest } from "../passwords/request.ts";
import {
  acceptedOf,
  phaseOf,
  ROTATED_FOR,
  type RotatingSecret,
  rotationKeys,
  wasRotated,
} from "../passwords/rotation.ts";
import { otherTurn } from "../passwords/turns.ts";
import { JWT_SECRET_KEY } from "../resource/chat-environment.ts";
import { secretNames } from "../resource/names.ts";
import {
  type RedisAccess,
  type RedisPasswords,
  redisUsers,
  sentinelUsers,
  standaloneUsers,
} from "../resource/redis-access.ts";
import {
  NODE_PASSWORD_KEY,
  OPERATOR_PASSWORD_KEY,
  REDIS_AUTH_KEY,
  SENTINEL_AUTH_KEY,
} from "../resource/redis-config.ts";
import { SENTINEL_MASTER } from "../resource/redis-members.ts";
import { secretObjects } from "../resource/secrets.ts";
import { isNotFound, type KubernetesObject, Secret } from "../runtime/index.ts";
import { applyChildren } from "./apply-children.ts";
import type { CredentialsRequest } from "./cassandra-credentials.ts";
import type { Login } from "./cassandra-session.ts";
import { currentCertificates } from "./current-certificates.ts";
import type { ConcernContext } from "./dependencies.ts";
import { childInformer } from "./informers.ts";

/** What the operator itself needs of the Secrets. */
export interface Credentials {
  /** Of the chat servers' admin API: first the one in use. */
  readonly adminTokens: readonly string[];
  readonly cassandra: Login;
  readonly cassandraAdmin: Login;
  /** The roles that take turns with those two, once passwords were replaced. */
  readonly cassandraTurns: Pick<CredentialsRequest, "beside" | "retired">;
  /** Of the agents beside Cassandra. */
  readonly cassandraAgentToken: string;
  /** Password of the user `node` of Redis and the sentinels, in mode `sentinel`. */
  readonly redisNode: string | undefined;
  /** What our own Redis accepts; undefined where it is somebody else's. */
  readonly redis: RedisAccess | undefined;
  /** The Secrets whose logins are replaced, by name. */
  readonly rotating: ReadonlyMap<string, RotatingSecret>;
  /** Everything that the Secrets hold, by name and key. */
  readonly texts: Readonly<Record<string, Texts>>;
}

type Texts = Readonly<Record<string, string>>;
type Makers = Readonly<Record<string, () => string>>;

/**
 * Makes each Secret once, with random values, and keeps what it holds until a rotation changes it (reconcile-passwords.ts). Before a value is made up, the API
 * server itself is asked: a cache that lags, or a Secret whose label somebody took off, must never replace a password that is in use.
 */
export async function reconcileSecrets(context: ConcernContext, cluster: ChatCluster): Promise<Credentials> {
  const names = secretNames(cluster);
  const redis = await redisSecret(context, cluster);
  const cassandra = cluster.spec.cassandra.external === undefined ? await cassandraSecrets(context, cluster) : {};
  const admin = await rotatingSecret(context, cluster, names.admin, { token: randomText });
  const rotating = new Map(
    Object.entries({ [names.admin]: admin, ...(redis && { [names.redis]: redis }), ...cassandra }),
  );
  const texts: Record<string, Texts> = {
    ...(needsAuthSecret(cluster) && {
      [names.auth]: await existingOr(context, cluster, names.auth, { [JWT_SECRET_KEY]: randomText }),
    }),
    ...textsOfSecrets(cluster, rotating),
    ...(cluster.spec.cassandra.external === undefined && {
      [names.cassandraAgent]: await existingOr(context, cluster, names.cassandraAgent, { token: randomText }),
    }),
  };
  if (cluster.spec.ingress.tls?.ownAuthority) {
    const authority = await held(context, cluster, names.authority, ["ca.crt", "ca.key"]);
    const tls = await held(context, cluster, names.tls, ["tls.crt", "tls.key"]);
    Object.assign(texts, await currentCertificates(context, cluster, { authority, tls }));
  }
  await applySecrets(context, cluster, texts);
  return {
    adminTokens: acceptedOf(admin).map(({ token = "" }) => token),
    cassandra: login(texts[names.cassandra]),
    cassandraAdmin: login(texts[names.cassandraAdmin]),
    cassandraTurns: turnsOf(rotating.get(names.cassandra), rotating.get(names.cassandraAdmin)),
    cassandraAgentToken: texts[names.cassandraAgent]?.token ?? "",
    redisNode: redis?.texts[NODE_PASSWORD_KEY],
    redis: redis && redisAccess(cluster, redis),
    rotating,
    texts,
  };
}

/** Writes the Secrets that hold something else. */
export function applySecrets(
  context: ConcernContext,
  cluster: ChatCluster,
  texts: Readonly<Record<string, Texts>>,
): Promise<void> {
  return applyChildren(context, cluster, "secrets", { beside: texts, render: () => secretObjects(cluster, texts) });
}

/** What the Secrets with logins hold, and what is made of them for those who read it as a file. */
export function textsOfSecrets(
  cluster: ChatCluster,
  rotating: ReadonlyMap<string, RotatingSecret>,
): Record<string, Texts> {
  const { redis } = secretNames(cluster);
  return Object.fromEntries(
    [...rotating].map(([name, secret]) => [
      name,
      name === redis ? { ...secret.texts, ...redisFiles(redisAccess(cluster, secret)) } : secret.texts,
    ]),
  );
}

/** The next value of a key of a Secret, in a rotation. */
export function nextText(key: string, current: string): string {
  return key === "username" ? otherTurn(current) : randomText();
}

async function redisSecret(context: ConcernContext, cluster: ChatCluster): Promise<RotatingSecret | undefined> {
  if (cluster.spec.redis.mode === "external") return undefined;
  const ofNodes = { [NODE_PASSWORD_KEY]: randomText, [OPERATOR_PASSWORD_KEY]: randomText };
  const makers = { password: randomText, ...(cluster.spec.redis.mode === "sentinel" && ofNodes) };
  return rotatingSecret(context, cluster, secretNames(cluster).redis, makers);
}

function redisAccess({ spec }: ChatCluster, secret: RotatingSecret): RedisAccess {
  const all = acceptedOf(secret);
  if (spec.redis.mode === "standalone")
    return { mode: "standalone", accepted: all.map(({ password = "" }) => password) as [string] };
  const accepted = all.map(
    ({ password: chat = "", [NODE_PASSWORD_KEY]: node = "", [OPERATOR_PASSWORD_KEY]: operator = "" }) => ({
      chat,
      node,
      operator,
    }),
  );
  return { mode: "sentinel", accepted: accepted as [RedisPasswords] };
}

function redisFiles(access: RedisAccess): Texts {
  if (access.mode === "standalone") return { [REDIS_AUTH_KEY]: standaloneUsers(access.accepted) };
  return {
    [REDIS_AUTH_KEY]: redisUsers(access.accepted),
    [SENTINEL_AUTH_KEY]: sentinelUsers(access.accepted, SENTINEL_MASTER),
  };
}

/** The chat servers' login and the operator's own. */
async function cassandraSecrets(
  context: ConcernContext,
  cluster: ChatCluster,
): Promise<Record<string, RotatingSecret>> {
  const { cassandra, cassandraAdmin } = secretNames(cluster);
  const of = (name: string, role: string) =>
    rotatingSecret(context, cluster, name, { username: () => role, password: randomText });
  return {
    [cassandra]: await of(cassandra, "chat"),
    [cassandraAdmin]: await of(cassandraAdmin, "chatcluster_operator"),
  };
}

/** Roles beside those in use. Before the first rotation there are none, and nothing is asked of Cassandra for them. */
function turnsOf(chat: RotatingSecret | undefined, admin: RotatingSecret | undefined): Credentials["cassandraTurns"] {
  if (!chat || !admin) return {};
  const [, nextChat] = acceptedOf(chat);
  const [, nextAdmin] = acceptedOf(admin);
  // They take turns together; a crash between the two Secrets is made good before anything else.
  if (nextChat && nextAdmin) return { beside: { chat: login(nextChat), admin: login(nextAdmin) } };
  const secrets = [chat, admin].filter((secret) => phaseOf(secret) === "settled" && wasRotated(secret));
  return secrets.length === 0 ? {} : { retired: secrets.map(({ texts }) => otherTurn(texts.username ?? "")) };
}

async function rotatingSecret(
  context: ConcernContext,
  cluster: ChatCluster,
  name: string,
  makers: Makers,
): Promise<RotatingSecret> {
  const keys = Object.keys(makers);
  const known = await held(context, cluster, name, keys);
  const request = rotationRequest(cluster);
  const made = Object.entries(makers).map(([key, make]) => [key, known[key] || make()]);
  const state = rotationKeys(keys).flatMap((key) => (known[key] === undefined ? [] : [[key, known[key]]]));
  // What is made now is as new as was asked for.
  if (Object.keys(known).length === 0 && request !== undefined) state.push([ROTATED_FOR, request]);
  return { keys, texts: Object.fromEntries([...made, ...state]) };
}

function needsAuthSecret(cluster: ChatCluster): boolean {
  return cluster.spec.auth.secretName === undefined && cluster.spec.auth.jwksUrl === undefined;
}

/** 256 random bits, in letters that no configuration file has to quote. */
function randomText(): string {
  return randomBytes(32).toString("base64url");
}

function login(texts: Texts | undefined): Login {
  return { username: texts?.username ?? "", password: texts?.password ?? "" };
}

async function existingOr(context: ConcernContext, cluster: ChatCluster, name: string, makers: Makers): Promise<Texts> {
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

/** What a Secret holds, by key. */
export function textsOf(secret: KubernetesObject): Texts {
  const data = (secret.data ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}
