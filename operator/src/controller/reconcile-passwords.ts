import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PasswordsStatus } from "../api/status.ts";
import { rotationDueMs, rotationRequest } from "../passwords/request.ts";
import {
  nextStep,
  phaseOf,
  ROTATED_AT,
  ROTATED_FOR,
  type RotatingSecret,
  type RotationStep,
  rotationKeys,
  wasRotated,
} from "../passwords/rotation.ts";
import { childName, secretNames } from "../resource/names.ts";
import { PASSWORDS_ANNOTATION, passwordsDigest } from "../resource/passwords-annotation.ts";
import { Deployment, findCondition, keyOf, Secret } from "../runtime/index.ts";
import { isSettled, workloadState } from "../status/workload-state.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { childInformer } from "./informers.ts";
import { isActive, podsOf } from "./pods.ts";
import { applySecrets, type Credentials, nextText, textsOf, textsOfSecrets } from "./reconcile-secrets.ts";

/** Milliseconds after which what no watch tells of is looked at again: while a rotation is under way, while one is due, and at the most. */
const BUSY_POLL_MS = 1_000;
const DUE_POLL_MS = 10_000;
const LONGEST_WAIT_MS = 3_600_000;

/** Whether the stores accept just the logins of the Secrets. */
export interface StoresKnow {
  readonly redis: boolean;
  readonly cassandra: boolean;
}

export interface PasswordsOutcome {
  /** The last rotation that is over. */
  readonly status: PasswordsStatus | undefined;
  /** What is under way. */
  readonly work?: Problem;
  readonly requeueAfterMs?: number;
}

/**
 * The digest of the logins that the chat servers are made with, for their template; undefined before the first rotation, so that a new operator rolls nothing.
 */
export function chatPasswordsDigest(cluster: ChatCluster, { rotating }: Credentials): string | undefined {
  const { admin, redis, cassandra } = secretNames(cluster);
  const used = [admin, redis, cassandra].map((name) => rotating.get(name)).filter((secret) => secret !== undefined);
  if (!used.some(wasRotated)) return undefined;
  return passwordsDigest(used.map(({ texts }) => [texts.username, texts.password, texts.token]));
}

/**
 * Takes the rotation of the passwords a step further, after the stores and the chat servers were seen to: the Secrets get the next logins, then these come into
 * use, then those before them go. Each step is a write of the Secrets, and all the rest follows from what they hold.
 */
export async function reconcilePasswords(
  context: ConcernContext,
  cluster: ChatCluster,
  credentials: Credentials,
  know: StoresKnow,
): Promise<PasswordsOutcome> {
  const secrets = [...credentials.rotating.values()];
  const now = context.clock.now();
  const request = rotationRequest(cluster);
  const dueMs = rotationDueMs(cluster, lastEnd(secrets));
  const isAsked = request !== undefined && secrets.some(({ texts }) => texts[ROTATED_FOR] !== request);
  const storesKnow = know.redis && know.cassandra;
  const step = nextStep(
    {
      secrets: credentials.rotating,
      wanted: isAsked || (dueMs !== undefined && dueMs <= now.getTime()),
      request,
      mayBegin: storesKnow && isQuiet(cluster),
      storesKnow,
      clientsMoved: secrets.some(isMoving) && haveServersMoved(context, cluster, credentials),
      now: `${now.toISOString().slice(0, 19)}Z`,
    },
    (_secret, key, current) => nextText(key, current),
  );
  if (step && (await isLive(context, cluster, credentials, step))) {
    await take(context, cluster, credentials, step);
    return { status: cluster.status?.passwords, work: workOf(step), requeueAfterMs: 1 };
  }
  const work = underWay(cluster, credentials, storesKnow);
  if (work) return { status: cluster.status?.passwords, work, requeueAfterMs: BUSY_POLL_MS };
  // What is asked for waits until nothing else is under way, of which the watches tell.
  const waitMs = dueMs === undefined ? {} : { requeueAfterMs: waitUntil(dueMs, now) };
  return { status: statusOf(context, cluster, secrets, storesKnow), ...waitMs };
}

function waitUntil(dueMs: number, now: Date): number {
  return Math.min(Math.max(dueMs - now.getTime(), DUE_POLL_MS), LONGEST_WAIT_MS);
}

function isMoving(secret: RotatingSecret): boolean {
  return phaseOf(secret) === "moving";
}

/** Nothing else is under way: a rotation rolls the chat servers, and asks something of every store. */
function isQuiet({ status, metadata }: ChatCluster): boolean {
  const is = (type: string, wanted: string) => {
    const condition = findCondition(status?.conditions, type);
    return condition?.status === wanted && condition.observedGeneration === metadata.generation;
  };
  return is("Ready", "True") && is("Progressing", "False");
}

/** Whether no chat server is left, not even one that drains, that was made with another login. */
function haveServersMoved({ informers }: ConcernContext, cluster: ChatCluster, credentials: Credentials): boolean {
  const digest = chatPasswordsDigest(cluster, credentials);
  const key = keyOf({ namespace: cluster.metadata.namespace, name: childName(cluster, "chat") });
  const deployment = childInformer(informers, Deployment).get(key);
  return (
    deployment !== undefined &&
    isSettled(workloadState(deployment, [], 0)) &&
    podsOf(informers, cluster, "chat")
      .filter(isActive)
      .every(({ metadata }) => metadata.annotations?.[PASSWORDS_ANNOTATION] === digest)
  );
}

/** Whether the Secrets are at the API server as this step takes them to be. A cache may lag, and a login that is in use must not be lost. */
async function isLive(
  { client }: ConcernContext,
  cluster: ChatCluster,
  { rotating }: Credentials,
  { changed }: RotationStep,
): Promise<boolean> {
  const { namespace } = cluster.metadata;
  for (const name of changed.keys()) {
    const { keys = [], texts = {} } = rotating.get(name) ?? {};
    const live = textsOf(await client.get(Secret, { namespace, name }));
    // Somebody else may keep something of his own there.
    const isSame = [...keys, ...rotationKeys(keys)].every((key) => live[key] === texts[key]);
    if (!isSame) return false;
  }
  return true;
}

async function take(
  context: ConcernContext,
  cluster: ChatCluster,
  { rotating, texts }: Credentials,
  { transition, changed }: RotationStep,
): Promise<void> {
  const next = new Map(
    [...rotating].map(([name, secret]) => [name, { ...secret, texts: changed.get(name) ?? secret.texts }]),
  );
  await applySecrets(context, cluster, { ...texts, ...textsOfSecrets(cluster, next) });
  context.logger.info({ transition, secrets: [...changed.keys()] }, "the passwords are a step further");
  if (transition !== "begin") return;
  const note = `Replaces the passwords of ${[...rotating.keys()].join(", ")}`;
  context.events.record(cluster, {
    type: "Normal",
    reason: "PasswordRotationStarted",
    action: "RotatePasswords",
    note,
  });
}

const WORK = {
  begin: "the stores learn the next ones",
  move: "the chat servers are replaced by ones that use the new ones",
  end: "the stores forget the old ones",
} as const;

function workOf({ transition }: Pick<RotationStep, "transition">): Problem {
  return { reason: "RotatingPasswords", message: `Passwords: ${WORK[transition]}` };
}

function underWay(cluster: ChatCluster, { rotating }: Credentials, storesKnow: boolean): Problem | undefined {
  const secrets = [...rotating.values()];
  const phases = new Set(secrets.map(phaseOf));
  if (phases.has("adding")) return workOf({ transition: "begin" });
  if (phases.has("moving")) return workOf({ transition: "move" });
  const isTold = lastEnd(secrets) === cluster.status?.passwords?.rotatedAt;
  return isTold || storesKnow ? undefined : workOf({ transition: "end" });
}

/** The rotation that is over, of which an Event tells once; while the stores still accept what was before, the one before it. */
function statusOf(
  { events, logger }: ConcernContext,
  cluster: ChatCluster,
  secrets: readonly RotatingSecret[],
  storesKnow: boolean,
): PasswordsStatus | undefined {
  const before = cluster.status?.passwords;
  const rotatedAt = lastEnd(secrets);
  const rotatedFor = secrets[0]?.texts[ROTATED_FOR];
  if (!storesKnow || (rotatedAt ?? rotatedFor) === undefined) return before;
  if (before?.rotatedAt !== rotatedAt) {
    const note = "The new passwords are in use, and the old ones are refused";
    logger.info({ event: "PasswordsRotated" }, note);
    events.record(cluster, { type: "Normal", reason: "PasswordsRotated", action: "RotatePasswords", note });
  }
  return { ...(rotatedFor === undefined ? {} : { rotatedFor }), ...(rotatedAt === undefined ? {} : { rotatedAt }) };
}

/** When the last of the Secrets gave up its previous login; undefined where none ever did. */
function lastEnd(secrets: readonly RotatingSecret[]): string | undefined {
  return secrets
    .map(({ texts }) => texts[ROTATED_AT])
    .filter((at) => at !== undefined)
    .sort()
    .at(-1);
}
