import type { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";

/** `imagePullSecrets` of a pod. */
export function pullSecrets(cluster: ChatCluster): Pick<k8s.PodSpec, "imagePullSecrets"> {
  const { pullSecrets: names } = cluster.spec.images;
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}
