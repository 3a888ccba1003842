import { CodedError } from "@chatcluster/foundation/errors";
import type { ConcernContext } from "./dependencies.ts";
import type { PodObject } from "./pods.ts";

/** Full repairs of some keyspaces on some nodes, of each node its primary ranges, one after the other. */
export class Repairs {
  readonly #keyspaces: readonly string[];
  readonly #done = new Set<string>();
  #running: { readonly what: string; readonly id: number } | undefined;

  constructor(keyspaces: readonly string[]) {
    this.#keyspaces = keyspaces;
  }

  /**
   * Looks at the repair that runs, or begins the next one.
   * @returns how many are left
   * @throws CodedError `cassandra_repair_failed` for one that failed or was cut short; it begins again at the next call
   */
  async advance(context: ConcernContext, nodes: readonly PodObject[], token: string): Promise<number> {
    const all = nodes.flatMap((pod) =>
      this.#keyspaces.map((keyspace) => ({ pod, keyspace, what: nameOf(pod, keyspace) })),
    );
    const left = all.filter(({ what }) => !this.#done.has(what));
    const [next] = left;
    if (!next) return 0;
    const { keyspace, what } = next;
    const agent = { pod: next.pod.metadata.name, ip: next.pod.status?.podIP ?? "" };
    if (this.#running?.what !== what) {
      const id = await context.cassandraAgents.startRepair(agent, token, keyspace, context.signal);
      this.#running = { what, id };
    }
    const { state, message } = await context.cassandraAgents.repair(agent, token, this.#running.id, context.signal);
    if (state === "running") return left.length;
    this.#running = undefined;
    if (state !== "completed") {
      const how = state === "failed" ? "failed" : "was cut short by a restart";
      throw new CodedError(
        "cassandra_repair_failed",
        `the repair of ${keyspace} on ${agent.pod} ${how}${message ? `: ${message}` : ""}`,
      );
    }
    this.#done.add(what);
    return left.length - 1;
  }
}

/** A restarted Cassandra has forgotten its repairs; one in another pod is another. */
function nameOf({ metadata, status }: PodObject, keyspace: string): string {
  const restarts = status?.containerStatuses?.find(({ name }) => name === "cassandra")?.restartCount ?? 0;
  return `${metadata.uid}/${restarts}/${keyspace}`;
}
