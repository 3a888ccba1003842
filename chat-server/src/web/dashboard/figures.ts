import { type Static, Type } from "typebox";
import { DURATION_BOUNDS } from "../../admin/metrics.ts";

const Rate = Type.Number({ minimum: 0 });
/** How many durations fell in each class; counts and not percentiles, since only counts of several servers can be added up. */
const Durations = Type.Array(Type.Number({ minimum: 0 }), {
  minItems: DURATION_BOUNDS.length + 1,
  maxItems: DURATION_BOUNDS.length + 1,
});

/** What one server tells of itself, about once a second. */
export const ServerFigures = Type.Object(
  {
    serverId: Type.String({ minLength: 1, maxLength: 253 }),
    /** Milliseconds since 1970, by the server's own clock. */
    at: Type.Integer({ minimum: 0 }),
    connections: Type.Integer({ minimum: 0 }),
    messagesPerSecond: Rate,
    deliveriesPerSecond: Rate,
    /** From a `send` frame to its acknowledgement, over the last ten seconds. */
    sends: Durations,
    /** From a message's time to its reaching a server with members online, over the last ten seconds. */
    deliveries: Durations,
  },
  { additionalProperties: false },
);
export type ServerFigures = Static<typeof ServerFigures>;

/** In milliseconds; absent if there was nothing to measure. */
export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

/** What the dashboard gets, about once a second. */
export interface Snapshot {
  /** Milliseconds since 1970. */
  at: number;
  /** By id. */
  servers: Pick<ServerFigures, "serverId" | "connections" | "messagesPerSecond" | "deliveriesPerSecond">[];
  sends?: Percentiles;
  deliveries?: Percentiles;
}

export function snapshotOf(figures: readonly ServerFigures[], at: number): Snapshot {
  const sends = percentiles(figures.map((each) => each.sends));
  const deliveries = percentiles(figures.map((each) => each.deliveries));
  return {
    at,
    servers: figures
      .map(({ serverId, connections, messagesPerSecond, deliveriesPerSecond }) => {
        return { serverId, connections, messagesPerSecond, deliveriesPerSecond };
      })
      .sort((a, b) => (a.serverId < b.serverId ? -1 : 1)),
    ...(sends === undefined ? {} : { sends }),
    ...(deliveries === undefined ? {} : { deliveries }),
  };
}

/** Of the durations of all servers together. */
function percentiles(counts: readonly (readonly number[])[]): Percentiles | undefined {
  const sum = DURATION_BOUNDS.map((_, index) => total(counts, index));
  sum.push(total(counts, DURATION_BOUNDS.length));
  if (sum.every((count) => count === 0)) return undefined;
  return { p50: quantile(sum, 0.5), p95: quantile(sum, 0.95), p99: quantile(sum, 0.99) };
}

const total = (counts: readonly (readonly number[])[], index: number) =>
  counts.reduce((sum, each) => sum + (each[index] ?? 0), 0);

/**
 * The duration, in milliseconds, that a share of all stays below. Within a class durations are taken to be spread evenly, as Prometheus'
 * `histogram_quantile` does; beyond the last bound that bound is all that can be said.
 */
export function quantile(counts: readonly number[], share: number): number {
  const rank = share * counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [index, upper] of DURATION_BOUNDS.entries()) {
    const count = counts[index] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = DURATION_BOUNDS[index - 1] ?? 0;
      return 1_000 * (lower + ((upper - lower) * (rank - below)) / count);
    }
    below += count;
  }
  return 1_000 * (DURATION_BOUNDS.at(-1) ?? 0);
}
