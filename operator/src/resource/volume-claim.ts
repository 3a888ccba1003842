import { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { StorageSpec } from "../api/spec/quantity.ts";
import { type Component, selectorLabels } from "./names.ts";

/** Name of the volume of a StatefulSet's pods; their claims are `data-NAME-COMPONENT-N`. */
export const DATA_VOLUME = "data";

/**
 * The claim template of a StatefulSet.
 *
 * @param size the size in the template, which cannot be changed once the StatefulSet exists; claims are grown one by one
 */
export function dataVolumeClaim(
  cluster: ChatCluster,
  component: Component,
  storage: StorageSpec,
  size: string,
): k8s.KubePersistentVolumeClaimProps {
  return {
    metadata: { name: DATA_VOLUME, labels: selectorLabels(cluster, component) },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storage.storageClassName === undefined ? {} : { storageClassName: storage.storageClassName }),
      resources: { requests: { storage: k8s.Quantity.fromString(size) } },
      volumeMode: "Filesystem",
    },
  };
}

/**
 * Whether claims go with their StatefulSet, and with pods that it is scaled down by. A volume of a Cassandra node that was decommissioned is
 * of no use to a later one.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
 */
export function volumeRetention(
  cluster: ChatCluster,
  component: Component,
): k8s.StatefulSetPersistentVolumeClaimRetentionPolicy {
  const policy = cluster.spec.retention.volumes === "Delete" ? "Delete" : "Retain";
  return { whenDeleted: policy, whenScaled: component === "cassandra" ? policy : "Retain" };
}
