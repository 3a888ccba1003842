import { dropManagedFields, FIELD_MANAGER, type KubernetesObject, keepAppliedFields } from "../runtime/index.ts";
import type { PodObject } from "./pods.ts";

/** What the caches hold of an object: the parts that a reconciler reads. With 300 ChatClusters the rest would be most of the operator's memory. */

const keepApplied = keepAppliedFields(FIELD_MANAGER);

interface Workload {
  readonly spec?: { readonly replicas?: number; readonly volumeClaimTemplates?: unknown };
  readonly status?: unknown;
}

interface Addressed {
  readonly spec?: { readonly clusterIP?: string };
}

/** A child: what the Applier compares, a workload's size and state, a Service's address, what a Secret holds, and how others serve a way in. */
export function cachedChild(object: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata } = keepApplied(object);
  const kept: KubernetesObject = { apiVersion, kind, metadata };
  if (kind === "Secret") return { ...kept, data: object.data };
  if (kind === "Service") return { ...kept, spec: { clusterIP: (object as Addressed).spec?.clusterIP } };
  if (kind === "Ingress" || kind === "HTTPRoute") return { ...kept, status: object.status };
  if (kind !== "Deployment" && kind !== "StatefulSet") return kept;
  const { spec, status } = object as KubernetesObject & Workload;
  const { replicas, volumeClaimTemplates } = spec ?? {};
  return { ...kept, spec: { replicas, ...(volumeClaimTemplates ? { volumeClaimTemplates } : {}) }, status };
}

/** A pod: whose it is, and how it does. */
export function cachedPod(object: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata } = dropManagedFields(object);
  const { phase, podIP, conditions, containerStatuses } = (object as PodObject).status ?? {};
  return { apiVersion, kind, metadata, status: { phase, podIP, conditions, containerStatuses } };
}
