/** One rule of a Role or ClusterRole. */
export type PolicyRule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };

const READ = ["get", "list", "watch"];
const CHILD = [...READ, "create", "patch", "delete"];

/**
 * What the operator may do in the namespaces it watches; the chart's role is made of this list and nothing else.
 *
 * Server-side apply needs `create` and `patch`; `delete` is for children that a changed spec no longer wants (a deleted ChatCluster's are
 * collected by owner references) and for a drained pod. Secrets are never deleted. A role that grants EndpointSlices to the ingress agent
 * can only be written by one who holds the same rights, hence the read of EndpointSlices.
 */
export const OPERATOR_RULES: readonly PolicyRule[] = [
  { apiGroups: ["chatcluster.dev"], resources: ["chatclusters"], verbs: READ },
  { apiGroups: ["chatcluster.dev"], resources: ["chatclusters/status"], verbs: ["get", "patch", "update"] },
  // Owner references with blockOwnerDeletion need it where OwnerReferencesPermissionEnforcement is on (OpenShift).
  { apiGroups: ["chatcluster.dev"], resources: ["chatclusters/finalizers"], verbs: ["update"] },
  { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: CHILD },
  {
    apiGroups: [""],
    resources: ["services", "configmaps", "serviceaccounts"],
    verbs: CHILD,
  },
  { apiGroups: [""], resources: ["secrets"], verbs: [...READ, "create", "patch"] },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies", "ingresses"], verbs: CHILD },
  // Of the Gateway API and of the Prometheus operator; where they are not installed the rules give nothing.
  { apiGroups: ["gateway.networking.k8s.io"], resources: ["httproutes"], verbs: CHILD },
  { apiGroups: ["monitoring.coreos.com"], resources: ["podmonitors"], verbs: CHILD },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: CHILD },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    verbs: CHILD,
  },
  { apiGroups: [""], resources: ["pods"], verbs: [...READ, "patch", "delete"] },
  // Volumes are grown here: the templates of a StatefulSet cannot be changed.
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...READ, "patch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: READ },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** The Lease that the operator's replicas share, in their own namespace. */
export const LEASE_NAME = "chatcluster-operator";

/** What the operator may do in its own namespace: hold that Lease. A `create` cannot be bound to a name, for the object has none yet. */
export const LEADER_ELECTION_RULES: readonly PolicyRule[] = [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [LEASE_NAME], verbs: ["get", "update"] },
];
