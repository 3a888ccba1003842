import type { NodeView } from "./node-view.ts";

/** What a node that starts knows of the one that it was. */
export interface ReplacementInput {
  /** The host id that its pod had last; undefined for a pod that never was in the ring. */
  readonly hostId: string | undefined;
  /** Whether its volume holds nothing: it is new, or another than before. */
  readonly isEmpty: boolean;
  /** How the other nodes that answered see the ring. */
  readonly views: readonly NodeView[];
}

export type Replacement =
  /** It starts with what is on its volume, or joins as a new node. */
  | { readonly type: "none" }
  /** Cassandra is to take the tokens of the dead node at this address, and stream what it held. */
  | { readonly type: "replace"; readonly address: string }
  /** Not to be decided yet: it must not join beside the node that it was. */
  | { readonly type: "wait"; readonly why: string };

/** Whether a node has to take the place of a dead one: the one that its own pod was before its volume was lost. */
export function replacementOf({ hostId, isEmpty, views }: ReplacementInput): Replacement {
  if (hostId === undefined || !isEmpty) return { type: "none" };
  if (views.length === 0) return { type: "wait", why: "no other node answers" };
  const seen = views.flatMap(({ ring }) => ring.filter((member) => member.hostId === hostId));
  const [first] = seen;
  if (!first) return { type: "none" };
  if (seen.some(({ up }) => up)) return { type: "wait", why: `the node that it was, ${hostId}, is still seen up` };
  return { type: "replace", address: first.endpoint.replace(/:\d+$/, "").replace(/^\//, "") };
}
