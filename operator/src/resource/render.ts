import { App, Chart } from "cdk8s";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";

/**
 * Runs builders in one cdk8s chart and returns the objects that they made, as plain JSON in the ChatCluster's namespace.
 *
 * The builders use the typed objects of `cdk8s-plus-28` (`k8s.Kube…`), each with an explicit name and selector: its higher-level
 * constructs label and select pods by a hash of the construct's path, set CPU, memory and a pull policy of their own, and know neither
 * seccomp profiles nor retention of volumes.
 */
export function render(cluster: ChatCluster, build: (scope: Construct) => void): KubernetesObject[] {
  const chart = new Chart(new App(), cluster.metadata.name, {
    namespace: cluster.metadata.namespace,
    disableResourceNameHashes: true,
  });
  build(chart);
  return chart.toJson() as KubernetesObject[];
}
