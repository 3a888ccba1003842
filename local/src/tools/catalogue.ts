import type { DebianService } from "./debian.ts";
import type { GoModule, GoModuleFiles } from "./go.ts";

/** Where each tool comes from. A tool's name is its program's, but for `cni-plugins`, `cassandra-jars`, `jolokia-jars`, `python-clients` and those that end in `-crds`, which are folders. */

export const goModules = [
  {
    folder: "kubernetes",
    packages: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"].map(
      (name) => `k8s.io/kubernetes/cmd/${name}`,
    ),
    versionFrom: "k8s.io/kubernetes",
  },
  {
    folder: "containerd",
    packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map(
      (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
    ),
    // Snapshotters that need C libraries, and that nothing here uses.
    tags: "no_btrfs no_zfs no_devmapper",
  },
  { folder: "coredns", packages: ["."] },
  { folder: "kube-router", packages: ["github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"] },
  { folder: "helm", packages: ["helm.sh/helm/v3/cmd/helm"] },
  { folder: "pulumi", packages: ["github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"] },
] as const satisfies readonly GoModule[];

/** The folder of the Go module that a program is compiled from. */
export const goTools = {
  "kube-apiserver": "kubernetes",
  "kube-controller-manager": "kubernetes",
  "kube-scheduler": "kubernetes",
  kubelet: "kubernetes",
  "kube-proxy": "kubernetes",
  containerd: "containerd",
  "containerd-shim-runc-v2": "containerd",
  ctr: "containerd",
  coredns: "coredns",
  "kube-router": "kube-router",
  helm: "helm",
  pulumi: "pulumi",
} as const;

/** CustomResourceDefinitions of others that the operator makes objects of, for tests: files of the Go modules that publish them. */
export const goFiles = {
  "gateway-api-crds": {
    module: "sigs.k8s.io/gateway-api",
    version: "v1.6.3",
    sum: "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
    folder: "config/crd/standard",
  },
  "prometheus-operator-crds": {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    folder: "example/prometheus-operator-crd",
  },
} as const satisfies Record<string, GoModuleFiles>;

/** The libraries that programs of Debian 12 need beyond those that apt-get itself depends on. */
export const debianServices = [
  { name: "etcd", packages: ["etcd-server"], programs: ["usr/bin/etcd"] },
  {
    name: "redis",
    packages: ["redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblzf1", "libssl3"],
    programs: ["usr/bin/redis-server", "usr/bin/redis-cli"],
  },
  {
    name: "haproxy",
    packages: [
      "haproxy",
      "libcrypt1",
      "liblua5.3-0",
      "libopentracing-c-wrapper0",
      "libopentracing1",
      "libpcre2-8-0",
      "libssl3",
    ],
    programs: ["usr/sbin/haproxy"],
  },
  // Only promtool is used, which needs libc alone; not what the package depends on for its pages.
  { name: "prometheus", packages: ["prometheus"], programs: ["usr/bin/promtool"] },
] as const satisfies readonly DebianService[];

export const debianServiceTools = {
  etcd: "etcd",
  "redis-server": "redis",
  "redis-cli": "redis",
  haproxy: "haproxy",
  promtool: "prometheus",
} as const;

/** Plain tools that are installed on the machine: the package, and the paths of which one must be there. */
export const installedTools = {
  runc: { package: "runc", paths: ["/usr/sbin/runc", "/usr/bin/runc"] },
  "cni-plugins": { package: "containernetworking-plugins", paths: ["/usr/lib/cni"] },
  iptables: { package: "iptables", paths: ["/usr/sbin/iptables"] },
  ipset: { package: "ipset", paths: ["/usr/sbin/ipset", "/sbin/ipset"] },
  conntrack: { package: "conntrack", paths: ["/usr/sbin/conntrack"] },
  socat: { package: "socat", paths: ["/usr/bin/socat"] },
  ip: { package: "iproute2", paths: ["/usr/sbin/ip", "/usr/bin/ip"] },
  mmdebstrap: { package: "mmdebstrap", paths: ["/usr/bin/mmdebstrap"] },
  gcc: { package: "gcc", paths: ["/usr/bin/gcc"] },
  libc: { package: "libc6-dev", paths: ["/usr/lib/x86_64-linux-gnu/libc.a"] },
  chromium: { package: "chromium", paths: ["/usr/bin/chromium"] },
  java: { package: "openjdk-17-jre-headless", paths: ["/usr/lib/jvm/java-17-openjdk-amd64/bin/java"] },
} as const;

export type GoTool = keyof typeof goTools;
export type DebianServiceTool = keyof typeof debianServiceTools;
export type InstalledTool = keyof typeof installedTools;
export type WheelTool = "kubectl" | "k6";
export type ToolName =
  | GoTool
  | DebianServiceTool
  | InstalledTool
  | WheelTool
  | keyof typeof goFiles
  | "cassandra-jars"
  | "jolokia-jars"
  | "python-clients";
