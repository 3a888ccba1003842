import type { ChatCluster } from "../api/chat-cluster.ts";
import { type Component, selectorLabels } from "../resource/names.ts";
import type { KubernetesObject } from "../runtime/index.ts";
import type { ConcernContext } from "./dependencies.ts";

/** No object carries it: applied with it, nothing is taken away. */
const PRUNE_NOTHING = { "chatcluster.dev/prune": "never" };

/**
 * Applies a component's objects, takes away those of it that are no longer wanted, and tells of what was made by an Event.
 *
 * @param component whose left-overs go; undefined for Secrets, of which none ever goes while its ChatCluster lives
 * @returns the objects as they are now
 */
export async function applyChildren(
  { applier, events, logger }: ConcernContext,
  cluster: ChatCluster,
  desired: readonly KubernetesObject[],
  component: Component | undefined,
): Promise<readonly KubernetesObject[]> {
  const pruneLabels = component ? selectorLabels(cluster, component) : PRUNE_NOTHING;
  const { created, updated, pruned, objects } = await applier.apply(cluster, desired, pruneLabels);
  const changes = [
    ["Created", created],
    ["Updated", updated],
    ["Deleted", pruned],
  ] as const;
  for (const [reason, names] of changes) {
    for (const name of names) {
      logger.info({ object: name }, reason.toLowerCase());
      events.record(cluster, { type: "Normal", reason, action: "Apply", note: `${reason} ${name}` });
    }
  }
  return objects;
}
