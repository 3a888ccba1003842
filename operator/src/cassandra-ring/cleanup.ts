import type { CassandraStatus } from "../api/status.ts";

/** What decides which nodes have something on disk that they do not own any more. */
export interface CleanupInput {
  /** The status as it stands. */
  readonly before: CassandraStatus | undefined;
  /** Nodes that there should be. */
  readonly nodes: number;
  /** Every node's host id by its pod's number, once all are up. */
  readonly hostIds: readonly string[];
  /** Copies of every row that there are for certain. */
  readonly copies: number | undefined;
}

/**
 * The nodes to clean up, by their pods' numbers: those that had to already, those that were there before another joined, and all of them when
 * there are fewer copies. It goes into the status together with what it follows from, so that no operator that dies in between forgets a node.
 */
export function nodesToCleanUp({ before, nodes, hostIds, copies }: CleanupInput): number[] {
  const known = before?.hostIds ?? [];
  const all = Array.from({ length: nodes }, (_, ordinal) => ordinal);
  if (copies !== undefined && copies < (before?.replicationFactor ?? 0)) return all;
  // Nodes join one after the other: of several new ones only the last has handed nothing over.
  const grown = known.length > 0 && hostIds.length > known.length ? all.slice(0, hostIds.length - 1) : [];
  const pending = new Set([...(before?.cleanup ?? []), ...grown]);
  return all.filter((ordinal) => pending.has(ordinal));
}
