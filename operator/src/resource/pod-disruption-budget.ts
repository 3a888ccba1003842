import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { type Component, childName, labels, selectorLabels } from "./names.ts";

/**
 * One pod of a component at a time may be evicted. `maxUnavailable` and not `minAvailable`, which with one pod would stop every node
 * from being drained for ever. https://kubernetes.io/docs/tasks/run-application/configure-pdb/
 */
export function podDisruptionBudget(scope: Construct, cluster: ChatCluster, component: Component): void {
  new k8s.KubePodDisruptionBudget(scope, `${component}-pdb`, {
    metadata: { name: childName(cluster, component), labels: labels(cluster, component) },
    spec: {
      maxUnavailable: k8s.IntOrString.fromNumber(1),
      selector: { matchLabels: selectorLabels(cluster, component) },
      // A pod that is not ready anyway must not stop a node's drain.
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  });
}
