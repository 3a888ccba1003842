{{/*
What the operator may do where ChatClusters live. Verbs are those it uses: server-side apply is `patch` (and `create` for an object that
isn't there yet). https://kubernetes.io/docs/reference/access-authn-authz/rbac/
*/}}
{{- define "chatcluster-operator.rules" -}}
- apiGroups: [chatcluster.dev]
  resources: [chatclusters]
  verbs: [get, list, watch, patch]
- apiGroups: [chatcluster.dev]
  resources: [chatclusters/status]
  verbs: [patch]
# An owner reference with blockOwnerDeletion needs this where OwnerReferencesPermissionEnforcement is on (OpenShift).
- apiGroups: [chatcluster.dev]
  resources: [chatclusters/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, secrets, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Connection counts are asked of each pod; a draining one is marked and given a deletion cost.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# Volumes of a deleted ChatCluster, where its retention policy says delete.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
# The agent beside HAProxy gets a Role of its own, and nobody may grant what he doesn't hold.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
