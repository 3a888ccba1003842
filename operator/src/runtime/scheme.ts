import { CodedError } from "@chatcluster/foundation/errors";

/** A kind and where the API server serves it; declared, not discovered, so that starting needs no extra calls or rights. */
export interface ResourceKind {
  /** `v1`, `apps/v1`, `chatcluster.dev/v1beta1` */
  readonly apiVersion: string;
  readonly kind: string;
  /** The plural name in paths: `deployments`. */
  readonly resource: string;
  readonly namespaced: boolean;
}

/** Declares a kind; namespaced unless said otherwise. */
export function resourceKind(apiVersion: string, kind: string, resource: string, namespaced = true): ResourceKind {
  return { apiVersion, kind, resource, namespaced };
}

export const ConfigMap = resourceKind("v1", "ConfigMap", "configmaps");
export const CustomResourceDefinition = resourceKind(
  "apiextensions.k8s.io/v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
  false,
);
export const Deployment = resourceKind("apps/v1", "Deployment", "deployments");
export const EndpointSlice = resourceKind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices");
export const Event = resourceKind("events.k8s.io/v1", "Event", "events");
/** Of the Gateway API, which a cluster need not have. */
export const HttpRoute = resourceKind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes");
export const Ingress = resourceKind("networking.k8s.io/v1", "Ingress", "ingresses");
export const Job = resourceKind("batch/v1", "Job", "jobs");
export const Lease = resourceKind("coordination.k8s.io/v1", "Lease", "leases");
export const Namespace = resourceKind("v1", "Namespace", "namespaces", false);
export const NetworkPolicy = resourceKind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies");
export const Node = resourceKind("v1", "Node", "nodes", false);
export const PersistentVolumeClaim = resourceKind("v1", "PersistentVolumeClaim", "persistentvolumeclaims");
export const Pod = resourceKind("v1", "Pod", "pods");
export const PodDisruptionBudget = resourceKind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets");
/** Of the Prometheus operator, which a cluster need not have. */
export const PodMonitor = resourceKind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors");
export const Role = resourceKind("rbac.authorization.k8s.io/v1", "Role", "roles");
export const RoleBinding = resourceKind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings");
export const Secret = resourceKind("v1", "Secret", "secrets");
export const Service = resourceKind("v1", "Service", "services");
export const ServiceAccount = resourceKind("v1", "ServiceAccount", "serviceaccounts");
export const StatefulSet = resourceKind("apps/v1", "StatefulSet", "statefulsets");

const BUILT_IN: readonly ResourceKind[] = [
  ConfigMap,
  CustomResourceDefinition,
  Deployment,
  EndpointSlice,
  Event,
  HttpRoute,
  Ingress,
  Job,
  Lease,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodMonitor,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
];

/** The kinds that a program may write: the built-in ones above, and its own custom resources. */
export class Scheme {
  readonly #kinds = new Map<string, ResourceKind>();

  constructor(...own: readonly ResourceKind[]) {
    for (const kind of [...BUILT_IN, ...own]) this.#kinds.set(`${kind.apiVersion} ${kind.kind}`, kind);
  }

  /** @throws CodedError `unknown_kind` */
  kindOf(object: { readonly apiVersion: string; readonly kind: string }): ResourceKind {
    const found = this.#kinds.get(`${object.apiVersion} ${object.kind}`);
    if (found) return found;
    throw new CodedError("unknown_kind", `no such kind in the scheme: ${object.apiVersion} ${object.kind}`);
  }
}

/** The path of a kind's collection, or of one object, or of its subresource. https://kubernetes.io/docs/reference/using-api/api-concepts/#standard-api-terminology */
export function resourcePath(kind: ResourceKind, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${kind.resource}${object}${subresource ? `/${subresource}` : ""}`;
}
