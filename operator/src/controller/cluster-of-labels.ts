import { type KubernetesObject, keyOf, type ObjectKey } from "../runtime/index.ts";

/** The ChatCluster that an object belongs to by its labels: pods and volume claims are owned by workloads, and a kept Secret by nobody. */
export function clusterOfLabels({ metadata }: KubernetesObject): ObjectKey[] {
  const name = metadata.labels?.["app.kubernetes.io/instance"];
  return name === undefined ? [] : [keyOf({ namespace: metadata.namespace ?? "", name })];
}
