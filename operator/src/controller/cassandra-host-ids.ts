import type { ChatCluster } from "../api/chat-cluster.ts";
import type { ConcernContext } from "./dependencies.ts";
import { type PodObject, podsByNumber } from "./pods.ts";

/** Remembers who each pod is in the ring. The nodes are asked only when one of them is another than before. */
export class HostIds {
  readonly #seen = new Map<string, string>();

  /** The host id of each node by its pod's number: as the status has them, or anew once all nodes are up and each has answered. */
  async find(
    context: ConcernContext,
    cluster: ChatCluster,
    { ready, nodes, token }: { ready: readonly PodObject[]; nodes: number; token: string },
  ): Promise<readonly string[]> {
    const known = (cluster.status?.cassandra?.hostIds ?? []).slice(0, nodes);
    const { uid } = cluster.metadata;
    const fingerprint = JSON.stringify(ready.map(({ metadata }) => metadata.uid));
    if (ready.length !== nodes || (known.length === nodes && this.#seen.get(uid) === fingerprint)) return known;
    const asked = podsByNumber(ready).map(({ metadata, status }) =>
      context.cassandraAgents.node({ pod: metadata.name, ip: status?.podIP ?? "" }, token, context.signal),
    );
    const views = await Promise.allSettled(asked);
    const hostIds = views.flatMap((each) =>
      each.status === "fulfilled" && each.value.hostId ? [each.value.hostId] : [],
    );
    if (hostIds.length < nodes) {
      // A node that does not answer now is asked at the next look.
      context.logger.debug({ answered: hostIds.length, nodes }, "not every Cassandra node tells who it is");
      return known;
    }
    this.#seen.set(uid, fingerprint);
    return hostIds;
  }

  forget(uid: string): void {
    this.#seen.delete(uid);
  }
}
