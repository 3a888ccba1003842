import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName, labels } from "./names.ts";

/** What the ingress agent may do: watch the EndpointSlices of its own namespace, and nothing else. */
export function ingressAccess(scope: Construct, cluster: ChatCluster): void {
  const metadata = { name: childName(cluster, "ingress"), labels: labels(cluster, "ingress") };
  new k8s.KubeServiceAccount(scope, "ingress-service-account", { metadata, automountServiceAccountToken: false });
  new k8s.KubeRole(scope, "ingress-role", {
    metadata,
    rules: [{ apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] }],
  });
  new k8s.KubeRoleBinding(scope, "ingress-role-binding", {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
    subjects: [{ kind: "ServiceAccount", name: metadata.name, namespace: cluster.metadata.namespace }],
  });
}
