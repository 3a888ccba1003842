import { createHash } from "node:crypto";
import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CASSANDRA_CQL_PORT } from "../resource/names.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import type { PodObject } from "./pods.ts";
import type { Credentials } from "./reconcile-secrets.ts";

/** Whether Cassandra's roles are in order, and if not, why. */
export type CredentialsState =
  /** `applied`: as the Secrets and the nodes are now. Else as they were before, which does for those who have logins of then. */
  | { readonly ready: true; readonly applied: boolean; readonly problem?: Problem }
  | { readonly ready: false; readonly waiting: true }
  | { readonly ready: false; readonly waiting: false; readonly problem: Problem };

/** What a look at the roles needs. */
export interface CredentialsInput {
  readonly credentials: Credentials;
  /** The nodes that are up and normal. */
  readonly ready: readonly PodObject[];
  /** Nodes that there should be. */
  readonly replicas: number;
}

/**
 * Brings Cassandra's roles in order once all nodes are ready, and again whenever a node or a password is another. What was done is
 * remembered in memory only: a restart of the operator does it once more, which changes nothing.
 */
export class CredentialsReconciler {
  readonly #done = new Map<string, string>();

  async reconcile(
    context: ConcernContext,
    cluster: ChatCluster,
    { credentials, ready, replicas }: CredentialsInput,
  ): Promise<CredentialsState> {
    const { datacenter, replicationFactor } = cluster.spec.cassandra;
    const { uid } = cluster.metadata;
    const fingerprint = fingerprintOf(ready, cluster, credentials);
    if (this.#done.get(uid) === fingerprint) return { ready: true, applied: true };
    // Roles are written to every replica; with nodes missing that would fail, or lock out those that come later.
    if (ready.length < replicas) {
      // Copies are told of in the status once there were roles: it is known from an operator before this one too.
      const wasDone = this.#done.has(uid) || cluster.status?.cassandra?.replicationFactor !== undefined;
      return wasDone ? { ready: true, applied: false } : { ready: false, waiting: true };
    }
    try {
      await context.cassandraCredentials.ensure({
        contactPoints: ready.map((pod) => `${pod.status?.podIP}:${CASSANDRA_CQL_PORT}`),
        datacenter,
        replicationFactor,
        ...rolesOf(credentials),
      });
    } catch (error) {
      const problem = { reason: "CredentialsNotApplied", message: messageOf(error) };
      // What was done before does for those who have logins of then.
      if (this.#done.has(uid)) return { ready: true, applied: false, problem };
      return { ready: false, waiting: false, problem };
    }
    this.#done.set(uid, fingerprint);
    const note = "Cassandra's roles are in order, its default superuser is off";
    context.events.record(cluster, { type: "Normal", reason: "CredentialsApplied", action: "ApplyCredentials", note });
    return { ready: true, applied: true };
  }

  forget(uid: string): void {
    this.#done.delete(uid);
  }
}

function fingerprintOf(pods: readonly PodObject[], cluster: ChatCluster, credentials: Credentials): string {
  const parts = [pods.map(({ metadata }) => metadata.uid), cluster.spec.cassandra.datacenter, rolesOf(credentials)];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function rolesOf({ cassandra, cassandraAdmin, cassandraTurns }: Credentials) {
  return { admin: cassandraAdmin, chat: cassandra, ...cassandraTurns };
}
