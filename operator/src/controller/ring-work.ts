import type { Problem } from "./dependencies.ts";

/** What is under way in Cassandra's ring, beyond what its StatefulSet shows. */
export interface RingWork {
  /** What it is, for the Progressing condition. */
  readonly work?: { readonly reason: string; readonly message: string };
  readonly problem?: Problem;
  /** Milliseconds until it is to be looked at again. */
  readonly waitMs?: number;
}
