import type { NodeView } from "../cassandra-agent/node-view.ts";

/** A node as its own agent tells of it; without a view where the agent does not answer. */
export interface AskedNode {
  readonly pod: string;
  readonly view: NodeView | undefined;
}

/** What is known when a node is to leave, or has begun to. */
export interface ScaleDownInput {
  readonly leaving: AskedNode;
  /** All other nodes. */
  readonly others: readonly AskedNode[];
  /** The host id that was noted when the decommission was decided, undefined before. */
  readonly notedHostId: string | undefined;
  /** False when the spec wants the node after all. */
  readonly wanted: boolean;
}

export type ScaleDownStep =
  /** Write down who leaves, before it is asked to: whoever comes next knows that it was decided. */
  | { readonly type: "note"; readonly hostId: string }
  | { readonly type: "forget" }
  | { readonly type: "decommission"; readonly failure?: string }
  | { readonly type: "wait"; readonly message: string }
  | { readonly type: "refuse"; readonly reason: string; readonly message: string }
  /** It has left the ring: pod and volume may go. */
  | { readonly type: "remove" }
  | { readonly type: "none" };

/** The next step of taking the last node away. Every step can be taken again: all state is in Cassandra and in the note. */
export function nextScaleDownStep(input: ScaleDownInput): ScaleDownStep {
  const { leaving, others, notedHostId, wanted } = input;
  if (notedHostId === undefined) return wanted ? begin(leaving, others) : { type: "none" };
  const silent = others.find(({ view }) => view === undefined);
  if (silent) return waitFor(silent);
  const knowing = others.filter(({ view }) => view?.ring.some(({ hostId }) => hostId === notedHostId));
  if (knowing.length === 0 && others.length > 0) return { type: "remove" };
  const { view } = leaving;
  if (!view) return waitFor(leaving);
  if (view.mode === "LEAVING") return { type: "wait", message: `${leaving.pod} moves its data to the other nodes` };
  if (view.mode === "DECOMMISSIONED")
    return {
      type: "wait",
      message: `${leaving.pod} has left; ${knowing.map(({ pod }) => pod).join(", ")} must still see it`,
    };
  if (view.mode !== "NORMAL" && view.mode !== "DECOMMISSION_FAILED")
    return { type: "wait", message: `${leaving.pod} is in mode ${view.mode}` };
  if (!wanted) return { type: "forget" };
  if (view.hostId !== notedHostId) return { type: "note", hostId: view.hostId };
  const failure = view.decommissionError;
  return failure === undefined ? { type: "decommission" } : { type: "decommission", failure };
}

function begin(leaving: AskedNode, others: readonly AskedNode[]): ScaleDownStep {
  const silent = [leaving, ...others].find(({ view }) => view === undefined);
  if (silent || !leaving.view) return waitFor(silent ?? leaving);
  const away = leaving.view.ring.find(({ up, state }) => !up || state !== "normal");
  if (away) return { type: "wait", message: `node ${away.endpoint} must be up and normal first` };
  const full = withoutRoom(leaving.view, others);
  if (full)
    return {
      type: "refuse",
      reason: "NotEnoughRoom",
      message: `${leaving.pod} cannot leave: ${full.pod} has too little room for its share of the ${leaving.view.loadBytes} bytes. Enlarge spec.cassandra.storage.size, or keep the node`,
    };
  return { type: "note", hostId: leaving.view.hostId };
}

/**
 * The first node that could not take its share. The data spreads evenly over those that stay; twice that, since tokens are not even and
 * compaction needs as much again for a while.
 */
function withoutRoom({ loadBytes }: NodeView, others: readonly AskedNode[]): AskedNode | undefined {
  const share = (2 * loadBytes) / others.length;
  return others.find(({ view }) => (view?.disk.freeBytes ?? 0) < share);
}

function waitFor({ pod }: AskedNode): ScaleDownStep {
  return { type: "wait", message: `the agent of ${pod} does not answer` };
}
