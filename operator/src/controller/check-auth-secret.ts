import type { ChatCluster } from "../api/chat-cluster.ts";
import { JWT_SECRET_KEY } from "../resource/chat-environment.ts";
import { type Clock, isNotFound, type KubernetesObject, Secret } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";

/** RFC 7518 section 3.2: a key of HS256 has at least the 256 bits of its hash. */
const MIN_KEY_BYTES = 32;
/** How long a Secret that was found fit is not asked for again. It carries no label of ours, so no cache holds it. */
const RECHECK_MS = 60_000;

/** Checks that the Secret which a spec names is there and fit, so that it is not the chat server's pods that say so. */
export class AuthSecretCheck {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #fit = new Map<string, { secretName: string; atMs: number }>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  async check({ client }: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
    const { secretName } = cluster.spec.auth;
    const { namespace, uid } = cluster.metadata;
    if (secretName === undefined) return undefined;
    const fit = this.#fit.get(uid);
    if (fit?.secretName === secretName && this.#clock.monotonicMs() - fit.atMs < RECHECK_MS) return undefined;
    const secret = await client.get(Secret, { namespace, name: secretName }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
    const problem = problemOf(secret, secretName);
    if (problem) this.#fit.delete(uid);
    else this.#fit.set(uid, { secretName, atMs: this.#clock.monotonicMs() });
    return problem;
  }

  forget(uid: string): void {
    this.#fit.delete(uid);
  }
}

function problemOf(secret: KubernetesObject | undefined, name: string): Problem | undefined {
  const field = `Secret ${name}, which spec.auth.secretName names,`;
  if (!secret) return { reason: "AuthSecretMissing", message: `${field} does not exist` };
  const value = (secret.data as Record<string, string> | undefined)?.[JWT_SECRET_KEY];
  if (value === undefined) return { reason: "AuthSecretInvalid", message: `${field} has no key ${JWT_SECRET_KEY}` };
  const bytes = Buffer.from(value, "base64").length;
  if (bytes >= MIN_KEY_BYTES) return undefined;
  return {
    reason: "AuthSecretInvalid",
    message: `${field} holds ${bytes} bytes under ${JWT_SECRET_KEY}; HS256 needs ${MIN_KEY_BYTES} or more`,
  };
}
