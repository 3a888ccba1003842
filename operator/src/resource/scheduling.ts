import type { k8s } from "cdk8s-plus-28";

/** Spreads pods over nodes and zones where that can be done; a small cluster still runs them. */
export function spread(selector: Record<string, string>): k8s.TopologySpreadConstraint[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selector },
  }));
}
