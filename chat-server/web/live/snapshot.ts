import type { Snapshot } from "../../src/web/dashboard/figures.ts";

export type { Percentiles, Snapshot } from "../../src/web/dashboard/figures.ts";

/** What the page's own server sent. @throws Error if that is no snapshot. */
export function parseSnapshot(text: string): Snapshot {
  const snapshot = JSON.parse(text) as Snapshot;
  if (!Number.isFinite(snapshot.at) || !Array.isArray(snapshot.servers)) throw new Error("not a snapshot");
  return snapshot;
}
