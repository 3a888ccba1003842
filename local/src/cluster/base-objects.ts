import { stringify } from "yaml";
import { network, nodeAddress } from "./layout.ts";

/** What every cluster has besides what the API server makes itself: DNS at its Service's address, and the default kind of volume. */
export function renderBaseObjects(): string {
  return [dnsRole, dnsBinding, dnsService, dnsEndpoints, networkPolicyRole, networkPolicyBinding, storageClass]
    .map((object) => stringify(object))
    .join("---\n");
}

const dnsRole = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "system:coredns" },
  rules: [
    { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
  ],
};

const dnsBinding = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "system:coredns" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:coredns" }],
};

const dnsPorts = [
  { name: "dns", port: 53, protocol: "UDP" },
  { name: "dns-tcp", port: 53, protocol: "TCP" },
];

const dnsService = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "kube-dns", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  spec: { clusterIP: network.dnsService, ports: dnsPorts },
};

/** CoreDNS is a process beside the API server and no pod, so its address is given and not selected. */
const dnsEndpoints = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: "kube-dns",
    namespace: "kube-system",
    labels: { "kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "chatcluster-local" },
  },
  addressType: "IPv4",
  ports: dnsPorts,
  endpoints: [{ addresses: [nodeAddress(1)], conditions: { ready: true } }],
};

/** The user as which every node's kube-router asks the API server. */
const KUBE_ROUTER_USER = "system:kube-router";

/** What it looks at, and only looks at. */
const networkPolicyRole = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: KUBE_ROUTER_USER },
  rules: [
    {
      apiGroups: [""],
      resources: ["namespaces", "pods", "nodes", "services", "endpoints"],
      verbs: ["get", "list", "watch"],
    },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list", "watch"] },
  ],
};

const networkPolicyBinding = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: KUBE_ROUTER_USER },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: KUBE_ROUTER_USER },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: KUBE_ROUTER_USER }],
};

const storageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "standard", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  provisioner: "kubernetes.io/host-path",
  reclaimPolicy: "Delete",
  // A folder of this machine can't grow, and is there on every node.
  allowVolumeExpansion: false,
  volumeBindingMode: "Immediate",
};
