import type { ServerPod } from "./drain.ts";

/**
 * The server that is missed least: one that serves nobody because it is not ready, else the one with the fewest connections, one whose count is
 * unknown last, for it may be the fullest. Equal ones by youth, then by name, so that the choice is the same at every look.
 */
export function chooseVictim(pods: readonly ServerPod[]): ServerPod | undefined {
  return pods.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      connectionsOf(a) - connectionsOf(b) ||
      b.createdAt - a.createdAt ||
      (a.name < b.name ? -1 : 1),
  )[0];
}

/** Dead (not ready, mute), then those that answer, then ready ones that are mute. A not-ready one that answers still holds its clients. */
function rank({ ready, status }: ServerPod): number {
  if (status === undefined) return ready ? 2 : 0;
  return 1;
}

function connectionsOf({ status }: ServerPod): number {
  return status?.connections ?? 0;
}
