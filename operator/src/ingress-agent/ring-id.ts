import { createHash } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";

/**
 * Ids that HAProxy's ring tells apart. It places a server's points by `id * 4096 + n` in 32 bits, so that only the low 20 bits of an id
 * count: two ids that agree in these would share all their points (docs/decisions/0012-server-ids.md).
 */
export const RING_SIZE = 2 ** 20;
/** 0 is no id. */
export const RING_IDS = RING_SIZE - 1;

/**
 * The explicit id of every server, from its name alone: equal names have equal ids in every HAProxy and after every restart.
 * The id is a hash of the name, 1 to 2^20 - 1. Of names whose ids collide, the first in sorted order keeps its own and the next takes the
 * next free one; so every agent that knows the same names gives the same ids, in whatever order it learnt them.
 *
 * @throws CodedError `too_many_servers`
 */
export function assignRingIds(names: Iterable<string>): Map<string, number> {
  const sorted = [...new Set(names)].sort();
  if (sorted.length > RING_IDS) throw new CodedError("too_many_servers", `${sorted.length} servers have no id each`);
  const taken = new Set<number>();
  const ids = new Map<string, number>();
  for (const name of sorted) {
    let id = ringIdOf(name);
    while (taken.has(id)) id = (id % RING_IDS) + 1;
    taken.add(id);
    ids.set(name, id);
  }
  return ids;
}

/** The id before collisions are settled. */
export function ringIdOf(name: string): number {
  return (createHash("sha256").update(name).digest().readUInt32BE(0) % RING_IDS) + 1;
}
