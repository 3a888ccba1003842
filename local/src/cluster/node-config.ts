import { stringify } from "yaml";
import { network, nodeAddress, nodeName, nodePodRange } from "./layout.ts";
import type { ClusterSettings } from "./settings.ts";

/** The configuration files of a node's kubelet, containerd, kube-proxy and CNI, as text. */

export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

export type KubeletFiles = { authority: string; certificate: string; key: string };

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function renderKubeletConfig(settings: ClusterSettings, node: number, files: KubeletFiles): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.authority },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: files.certificate,
    tlsPrivateKeyFile: files.key,
    address: nodeAddress(node),
    healthzBindAddress: "127.0.0.1",
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${nodeName(settings, node)}`,
    failCgroupV1: false,
    failSwapOn: false,
    // Lowering it needs a capability that containers and small virtual machines lack.
    oomScoreAdj: 0,
    clusterDomain: network.clusterDomain,
    clusterDNS: [network.dnsService],
    // The machine's own DNS servers can't be reached from the cluster.
    resolvConf: "",
    maxPods: 200,
    // A developer's disk is often nearly full, and the machine's memory is shared.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
    // Images come from an archive and from no registry: one that is removed would not come back.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    nodeLeaseDurationSeconds: 20,
    nodeStatusUpdateFrequency: "5s",
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    enableSystemLogHandler: false,
  });
}

/** https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
export function renderKubeProxyConfig(settings: ClusterSettings, node: number, kubeconfig: string): string {
  return stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    clientConnection: { kubeconfig },
    clusterCIDR: network.podRange,
    hostnameOverride: nodeName(settings, node),
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    // Its limit belongs to the whole machine.
    conntrack: { maxPerCore: 0, min: 0 },
    iptables: { minSyncPeriod: "200ms" },
  });
}

export type ContainerdFiles = { runc: string; cniPlugins: string; cniConfig: string; sandboxImage: string };

/** containerd's configuration, version 3: https://github.com/containerd/containerd/blob/main/docs/cri/config.md */
export function renderContainerdConfig({ runc, cniPlugins, cniConfig, sandboxImage }: ContainerdFiles): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${sandboxImage}"

[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "${runc}"
  SystemdCgroup = false

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${cniPlugins}"]
  conf_dir = "${cniConfig}"
`;
}

/**
 * The network of a node's pods: each has a link of its own to the node, which routes between them, so that every packet passes the
 * node's netfilter, where Services are. https://www.cni.dev/plugins/current/main/ptp/
 */
export function renderCniConfig(node: number): string {
  const config = {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: nodePodRange(node) }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  return JSON.stringify(config, null, 2);
}
