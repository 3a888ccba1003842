import { createHash } from "node:crypto";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { type Component, selectorLabels } from "../resource/names.ts";
import { RETAINED_LABEL } from "../resource/secrets.ts";
import { type KubernetesObject, keyOf, Secret } from "../runtime/index.ts";
import type { ConcernContext } from "./dependencies.ts";
import { CLUSTER_INDEX, childInformer } from "./informers.ts";

/** A part of a ChatCluster's children that is rendered and applied in one go. */
export type ChildGroup = Component | "secrets";

/** No object carries it: applied with it, nothing is taken away. */
const PRUNE_NOTHING = { "chatcluster.dev/prune": "never" };

/** What a group of children is made of, beside the spec. */
export interface ChildInputs {
  /** Every value that `render` reads and that the spec's generation does not fix. */
  readonly beside: unknown;
  render(): readonly KubernetesObject[];
}

/**
 * Remembers which groups of children were found to be as desired, from which inputs and with which live objects. While both are the same,
 * there is nothing to render, hash or compare: a look at the connections every few seconds costs microseconds. Forgetting is safe.
 */
export class SettledChildren {
  readonly #byUid = new Map<string, Map<ChildGroup, { inputs: string; live: readonly KubernetesObject[] }>>();

  isSettled(uid: string, group: ChildGroup, inputs: string, live: readonly KubernetesObject[]): boolean {
    const known = this.#byUid.get(uid)?.get(group);
    // Objects of a cache are replaced, never changed.
    return known?.inputs === inputs && sameObjects(known.live, live);
  }

  settle(uid: string, group: ChildGroup, inputs: string, live: readonly KubernetesObject[]): void {
    const groups = this.#byUid.get(uid) ?? new Map();
    this.#byUid.set(uid, groups.set(group, { inputs, live }));
  }

  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}

/**
 * Applies a group of children, takes away those of it that are no longer wanted (of Secrets none ever goes while its ChatCluster lives),
 * and tells of what was done by Events.
 */
export async function applyChildren(
  { applier, events, informers, logger, settled }: ConcernContext,
  cluster: ChatCluster,
  group: ChildGroup,
  { beside, render }: ChildInputs,
): Promise<void> {
  const { uid, generation } = cluster.metadata;
  const live = () =>
    group === "secrets"
      ? childInformer(informers, Secret).byIndex(CLUSTER_INDEX, keyOf(cluster))
      : applier.children(cluster, selectorLabels(cluster, group));
  const inputs = digest([generation, beside]);
  if (settled.isSettled(uid, group, inputs, live())) return;
  const pruneLabels = group === "secrets" ? PRUNE_NOTHING : selectorLabels(cluster, group);
  const { created, updated, pruned, written } = await applier.apply(cluster, render(), pruneLabels, isRetained);
  if (written === 0) settled.settle(uid, group, inputs, live());
  const changes = [
    ["Created", created],
    ["Updated", updated],
    ["Deleted", pruned],
  ] as const;
  for (const [reason, names] of changes) {
    if (names.length === 0) continue;
    logger.info({ objects: names }, reason.toLowerCase());
    events.record(cluster, { type: "Normal", reason, action: "Apply", note: `${reason} ${names.join(", ")}` });
  }
}

function isRetained({ metadata }: KubernetesObject): boolean {
  return metadata.labels?.[RETAINED_LABEL] === "true";
}

function sameObjects(known: readonly KubernetesObject[], live: readonly KubernetesObject[]): boolean {
  return known.length === live.length && known.every((object, index) => object === live[index]);
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
