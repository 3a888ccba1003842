import { Type } from "typebox";
import { Compile } from "typebox/compile";

export const SLOTS = 16_384;

/** A cluster as one of its nodes sees it. */
export interface ClusterView {
  /** Rises with every failover and migration (`cluster_current_epoch`); a node that was away lags behind. */
  readonly epoch: number;
  /** False while the node can't reach most of the masters, or slots are nobody's. */
  readonly ok: boolean;
  /** `host:port` of the master of each slot; undefined for slots without one. */
  readonly masters: readonly (string | undefined)[];
}

/** Of `CLUSTER SLOTS`: first and last slot, then the master and its replicas, each with host, port and more. */
const Range = Type.Array(Type.Unknown(), { minItems: 3 });
const Node = Type.Array(Type.Unknown(), { minItems: 2 });
const ranges = Compile(Type.Array(Range));
const node = Compile(Node);

/**
 * Reads the answers to `CLUSTER INFO` and `CLUSTER SLOTS` (https://redis.io/docs/latest/commands/cluster-slots/). `askedHost` stands for a node
 * that does not know its own address.
 * @throws Error if they are not that
 */
export function readView(info: unknown, slots: unknown, askedHost: string): ClusterView {
  const field = (name: string) => new RegExp(`^${name}:(\\w+)`, "m").exec(String(info))?.[1];
  const epoch = Number(field("cluster_current_epoch"));
  if (!Number.isSafeInteger(epoch) || !ranges.Check(slots))
    throw new Error("not what CLUSTER INFO and CLUSTER SLOTS tell");
  const masters = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const [first, last, master] of slots) {
    if (!node.Check(master)) throw new Error("CLUSTER SLOTS tells no master");
    const [host, port] = master;
    const known = typeof host === "string" && host !== "" && host !== "?" ? host : askedHost;
    masters.fill(`${known}:${Number(port)}`, Number(first), Number(last) + 1);
  }
  return { epoch, ok: field("cluster_state") === "ok", masters };
}

/** The newest of several views, those that see the whole cluster before those that don't. */
export function newest(views: readonly ClusterView[]): ClusterView | undefined {
  const rank = (view: ClusterView) => (view.ok ? Number.MAX_SAFE_INTEGER / 2 : 0) + view.epoch;
  return views.reduce<ClusterView | undefined>(
    (best, view) => (best && rank(best) >= rank(view) ? best : view),
    undefined,
  );
}
