import { API_GROUP, API_KIND, API_PLURAL, API_VERSION } from "../api/chat-cluster.ts";
import { MANAGED_BY, selectorText } from "../resource/names.ts";
import {
  ConfigMap,
  Deployment,
  dropManagedFields,
  HttpRoute,
  type Informer,
  Ingress,
  type Manager,
  NetworkPolicy,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodMonitor,
  type ResourceKind,
  Role,
  RoleBinding,
  resourceKind,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
} from "../runtime/index.ts";
import { cachedChild, cachedPod } from "./cached-objects.ts";
import { clusterOfLabels } from "./cluster-of-labels.ts";

export const CHAT_CLUSTER = resourceKind(`${API_GROUP}/${API_VERSION}`, API_KIND, API_PLURAL);

/** Objects by the key of the ChatCluster that their labels name. */
export const CLUSTER_INDEX = "cluster";

/** The kinds that the operator applies. */
const CHILD_KINDS = [
  ConfigMap,
  Secret,
  Service,
  ServiceAccount,
  Role,
  RoleBinding,
  NetworkPolicy,
  PodDisruptionBudget,
  StatefulSet,
  Deployment,
  Ingress,
] as const;

/** The kinds that it applies where they are installed: CustomResourceDefinitions of others. */
const OPTIONAL_CHILD_KINDS = [HttpRoute, PodMonitor] as const;

/** Local copies of what the reconcilers read. Children, pods and volumes: only those that carry the operator's labels. */
export interface Informers {
  readonly chatClusters: Informer;
  readonly children: ReadonlyMap<string, Informer>;
  readonly pods: Informer;
  readonly volumeClaims: Informer;
}

/** @param namespaces only these; all of them when undefined */
export function createInformers(manager: Manager, namespaces: readonly string[] | undefined): Informers {
  const scope = namespaces === undefined ? {} : { namespaces };
  const managed = { ...scope, labelSelector: selectorText(MANAGED_BY) };
  const pods = manager.informer(Pod, { ...managed, transform: cachedPod });
  const volumeClaims = manager.informer(PersistentVolumeClaim, {
    ...scope,
    labelSelector: "app.kubernetes.io/name=chatcluster",
    transform: dropManagedFields,
  });
  const children = [
    ...CHILD_KINDS.map((kind) => manager.informer(kind, { ...managed, transform: cachedChild })),
    ...OPTIONAL_CHILD_KINDS.map((kind) =>
      manager.informer(kind, { ...managed, transform: cachedChild, optional: true }),
    ),
  ];
  for (const informer of [pods, volumeClaims, ...children]) informer.addIndex(CLUSTER_INDEX, clusterOfLabels);
  return {
    chatClusters: manager.informer(CHAT_CLUSTER, scope),
    children: new Map(children.map((informer) => [informer.kind.kind, informer])),
    pods,
    volumeClaims,
  };
}

/** The informer of a child's kind. */
export function childInformer(informers: Informers, kind: ResourceKind): Informer {
  const informer = informers.children.get(kind.kind);
  if (!informer) throw new TypeError(`${kind.kind} is no kind of a child`);
  return informer;
}
