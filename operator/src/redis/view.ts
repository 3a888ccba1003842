/** What a Redis server says of itself. */
export interface RedisReading {
  readonly role: "master" | "replica";
  /** A replica's master, by name. */
  readonly follows: string | undefined;
  /** Whether a replica is connected to its master and up to date but for what is on its way. */
  readonly linked: boolean;
}

/** What a sentinel says. */
export interface SentinelReading {
  /** The master, by name. */
  readonly master: string;
  /** Whether it reaches so many other sentinels that they could make another server the master. */
  readonly canFailOver: boolean;
}

/** Who is what among the Redis servers of a ChatCluster. */
export interface RedisView {
  /** The server that is the master; undefined while none is, or it is not known which. */
  readonly master: string | undefined;
  /** Replicas that follow it. */
  readonly linked: readonly string[];
  /** Replicas that follow another server, or one that is a replica itself: the sentinels may not know of them. */
  readonly astray: readonly string[];
  /** Whether so many sentinels agree on the master, and reach each other, that they could fail over. */
  readonly quorum: boolean;
  /** Sentinels that agree. */
  readonly agreeing: number;
}

/**
 * Puts together what was read; what did not answer is undefined. The master is the one that a quorum of the sentinels names, and that says so itself:
 * while a failover is under way there is none. Without a quorum, which changes nothing for those that run, it is the only one that takes itself for it.
 */
export function redisView(
  servers: ReadonlyMap<string, RedisReading | undefined>,
  sentinels: readonly (SentinelReading | undefined)[],
  quorum: number,
): RedisView {
  const answering = sentinels.filter((sentinel) => sentinel !== undefined);
  const votes = Map.groupBy(answering, ({ master }) => master);
  const [named, voters] = [...votes].find(([, group]) => group.length >= quorum) ?? [undefined, []];
  const masters = [...servers].filter(([, reading]) => reading?.role === "master").map(([name]) => name);
  const alone = masters.length === 1 ? masters[0] : undefined;
  const master = named === undefined ? alone : masters.find((name) => name === named);
  const replicas = [...servers].filter(([, reading]) => master !== undefined && reading?.role === "replica");
  return {
    master,
    linked: replicas.filter(([, reading]) => reading?.linked && reading.follows === master).map(([name]) => name),
    astray: replicas.filter(([, reading]) => reading?.follows !== master).map(([name]) => name),
    quorum: voters.filter(({ canFailOver }) => canFailOver).length >= quorum,
    agreeing: Math.max(0, ...[...votes.values()].map(({ length }) => length)),
  };
}
