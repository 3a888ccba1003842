import type { RedisView } from "./view.ts";

/** A pod of Redis as the roll sees it. */
export interface RedisPod {
  readonly name: string;
  /** Whether it was made of the newest template. */
  readonly updated: boolean;
  readonly ready: boolean;
  readonly terminating: boolean;
}

/** The pod that is replaced next, and why. */
export interface RollStep {
  readonly pod: string;
  readonly message: string;
}

/** The Redis servers of a ChatCluster, before one of them is replaced. */
export interface Roll {
  readonly pods: readonly RedisPod[];
  readonly view: RedisView;
  /** Pods that there should be. */
  readonly servers: number;
  /** Whether there has been no master for so long that none will come by itself. */
  readonly stuck: boolean;
}

/**
 * One pod at a time: first those that do no work anyway, then the replicas, and the master last, which hands over as it ends. Nothing goes while another
 * is away, while there is no master (a failover is under way), or while one of the newest template does not follow: that template may be broken.
 */
export function nextToRoll({ pods, view, servers, stuck }: Roll): RollStep | undefined {
  const outdated = pods.filter(({ updated }) => !updated);
  if (outdated.length === 0 || pods.length < servers || pods.some(({ terminating }) => terminating)) return undefined;
  const follows = ({ name }: RedisPod) => name === view.master || view.linked.includes(name);
  const idle = outdated.filter((pod) => !pod.ready && !follows(pod)).at(-1);
  if (idle && (view.master !== undefined || stuck))
    return { pod: idle.name, message: "it has older settings and does not follow a master" };
  if (!view.quorum || !pods.every((pod) => pod.ready && follows(pod))) return undefined;
  const replica = outdated.filter(({ name }) => name !== view.master).at(-1);
  if (replica) return { pod: replica.name, message: "a replica with older settings" };
  return { pod: outdated[0]?.name ?? "", message: "the master has older settings, and hands over as it ends" };
}
