import { type KubernetesObject, keyOf, type ObjectKey } from "../runtime/index.ts";

/** The ChatCluster that a pod or a volume claim belongs to: both are owned by workloads, so their labels tell. */
export function clusterOfLabels({ metadata }: KubernetesObject): ObjectKey[] {
  const name = metadata.labels?.["app.kubernetes.io/instance"];
  return name === undefined ? [] : [keyOf({ namespace: metadata.namespace ?? "", name })];
}
