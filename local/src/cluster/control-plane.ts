import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeConfig } from "./config-file.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { network, nodeAddress, statePaths } from "./layout.ts";
import { VOLUMES } from "./machine.ts";
import type { ProcessSpec } from "./managed-process.ts";
import { enterNetwork } from "./namespaces.ts";
import { certificateAuthority, type KeyPair, leafCertificate, serviceAccountKeys } from "./pki.ts";
import type { ClusterSettings } from "./settings.ts";

export type ControlPlaneTools = Record<
  "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "coredns",
  string
>;

/** The authorities and certificates that more than the control plane itself uses. */
export type ClusterIdentity = { authority: KeyPair; admin: KeyPair };

const ETCD = "https://127.0.0.1:2379";

/** URL of the API server inside the cluster's namespaces. */
export const internalApiServer = `https://${nodeAddress(1)}:${network.apiServerPort}`;

/** The user that reads and changes everything. */
export async function clusterIdentity(settings: ClusterSettings): Promise<ClusterIdentity> {
  const { pki } = statePaths(settings);
  const authority = await certificateAuthority(pki, "cluster-ca");
  const admin = await leafCertificate(pki, authority, {
    name: "admin",
    commonName: "chatcluster-admin",
    organization: "system:masters",
    usages: ["client"],
  });
  return { authority, admin };
}

/**
 * The processes of the control plane: those that make the API server, and its clients, which can start once it is ready. All run in the
 * first node's network namespace.
 */
export async function controlPlane(
  settings: ClusterSettings,
  tools: ControlPlaneTools,
  identity: ClusterIdentity,
): Promise<{ apiServer: ProcessSpec[]; clients: ProcessSpec[] }> {
  const entered = (spec: ProcessSpec): ProcessSpec => ({ ...spec, enter: enterNetwork(settings, 1) });
  const etcd = await etcdProcess(settings, tools);
  const apiServer = [etcd.spec, await apiServerProcess(settings, tools, identity, etcd.flags)];
  const clients = [
    await controllerManagerProcess(settings, tools, identity),
    await schedulerProcess(settings, tools, identity),
    await dnsProcess(settings, tools, identity),
  ];
  return { apiServer: apiServer.map(entered), clients: clients.map(entered) };
}

/** `{a: "b"}` as `--a=b`. */
function flags(values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

async function etcdProcess(settings: ClusterSettings, tools: ControlPlaneTools) {
  const { pki, etcd } = statePaths(settings);
  mkdirSync(etcd, { recursive: true, mode: 0o700 });
  const authority = await certificateAuthority(pki, "etcd-ca");
  const server = await leafCertificate(pki, authority, {
    name: "etcd",
    commonName: "etcd",
    usages: ["server", "client"],
    hosts: ["127.0.0.1"],
  });
  const client = await leafCertificate(pki, authority, {
    name: "apiserver-etcd-client",
    commonName: "kube-apiserver",
    usages: ["client"],
  });
  const spec: ProcessSpec = {
    name: "etcd",
    command: [
      tools.etcd,
      ...flags({
        "data-dir": etcd,
        "listen-client-urls": ETCD,
        "advertise-client-urls": ETCD,
        "cert-file": server.certificateFile,
        "key-file": server.keyFile,
        "trusted-ca-file": authority.certificateFile,
        "client-cert-auth": true,
        // A local cluster starts anew after a power cut; it need not survive one.
        "unsafe-no-fsync": true,
      }),
    ],
    reads: [server.certificate, authority.certificate],
  };
  return {
    spec,
    flags: {
      "etcd-servers": ETCD,
      "etcd-cafile": authority.certificateFile,
      "etcd-certfile": client.certificateFile,
      "etcd-keyfile": client.keyFile,
    },
  };
}

async function apiServerProcess(
  settings: ClusterSettings,
  tools: ControlPlaneTools,
  { authority }: ClusterIdentity,
  etcdFlags: Readonly<Record<string, string>>,
): Promise<ProcessSpec> {
  const { pki } = statePaths(settings);
  const serving = await leafCertificate(pki, authority, {
    name: "apiserver",
    commonName: "kube-apiserver",
    usages: ["server"],
    hosts: [
      "localhost",
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      `kubernetes.default.svc.${network.clusterDomain}`,
      "127.0.0.1",
      nodeAddress(1),
      network.apiService,
    ],
  });
  const kubelets = await leafCertificate(pki, authority, {
    name: "apiserver-kubelet-client",
    commonName: "kube-apiserver-kubelet-client",
    organization: "system:masters",
    usages: ["client"],
  });
  // An authority of its own: whoever it signs for may say who the user is.
  const frontProxyAuthority = await certificateAuthority(pki, "front-proxy-ca");
  const frontProxy = await leafCertificate(pki, frontProxyAuthority, {
    name: "front-proxy-client",
    commonName: "front-proxy-client",
    usages: ["client"],
  });
  const serviceAccount = await serviceAccountKeys(pki);
  return {
    name: "kube-apiserver",
    command: [
      tools["kube-apiserver"],
      ...flags({
        ...etcdFlags,
        "advertise-address": nodeAddress(1),
        "secure-port": network.apiServerPort,
        "tls-cert-file": serving.certificateFile,
        "tls-private-key-file": serving.keyFile,
        "client-ca-file": authority.certificateFile,
        "anonymous-auth": false,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": true,
        "service-cluster-ip-range": network.serviceRange,
        "service-account-issuer": `https://kubernetes.default.svc.${network.clusterDomain}`,
        "service-account-key-file": serviceAccount.publicFile,
        "service-account-signing-key-file": serviceAccount.privateFile,
        "kubelet-certificate-authority": authority.certificateFile,
        "kubelet-client-certificate": kubelets.certificateFile,
        "kubelet-client-key": kubelets.keyFile,
        // Else exec and logs ask a DNS that does not know the nodes.
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": frontProxyAuthority.certificateFile,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": frontProxy.certificateFile,
        "proxy-client-key-file": frontProxy.keyFile,
        // Pods of a dead node are replaced after half a minute instead of five.
        "default-not-ready-toleration-seconds": 30,
        "default-unreachable-toleration-seconds": 30,
        profiling: false,
      }),
    ],
    reads: [serving.certificate, authority.certificate, frontProxyAuthority.certificate],
  };
}

async function controllerManagerProcess(
  settings: ClusterSettings,
  tools: ControlPlaneTools,
  identity: ClusterIdentity,
): Promise<ProcessSpec> {
  const { pki, volumes } = statePaths(settings);
  // Whoever has an account here may write to the volumes in it, but for this.
  mkdirSync(volumes, { recursive: true, mode: 0o700 });
  mkdirSync(VOLUMES, { recursive: true });
  const { file, text } = await userKubeconfig(settings, identity, "kube-controller-manager");
  const serviceAccount = await serviceAccountKeys(pki);
  const command = [
    tools["kube-controller-manager"],
    ...flags({
      ...componentFlags(file),
      "cluster-cidr": network.podRange,
      "cluster-signing-cert-file": identity.authority.certificateFile,
      "cluster-signing-key-file": identity.authority.keyFile,
      "root-ca-file": identity.authority.certificateFile,
      "service-account-private-key-file": serviceAccount.privateFile,
      "use-service-account-credentials": true,
      "enable-hostpath-provisioner": true,
      // A kubelet renews its Lease every 5 s here.
      "node-monitor-grace-period": "25s",
      "node-monitor-period": "2s",
    }),
  ];
  return {
    name: "kube-controller-manager",
    // The provisioner makes volumes in one fixed folder: in mounts of its own, so that each cluster's are apart.
    command: [
      ..."unshare --mount --propagation private -- sh -c".split(" "),
      `mount --bind ${volumes} ${VOLUMES} && exec "$@"`,
      "sh",
      ...command,
    ],
    reads: [text],
  };
}

async function schedulerProcess(
  settings: ClusterSettings,
  tools: ControlPlaneTools,
  identity: ClusterIdentity,
): Promise<ProcessSpec> {
  const { file, text } = await userKubeconfig(settings, identity, "kube-scheduler");
  return {
    name: "kube-scheduler",
    command: [tools["kube-scheduler"], ...flags(componentFlags(file))],
    reads: [text],
  };
}

/** There is one of each, so a leader need not be elected, and losing the API server for a while ends none. */
function componentFlags(kubeconfig: string) {
  return {
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "bind-address": "127.0.0.1",
    "leader-elect": false,
    profiling: false,
  };
}

/** The Corefile: the cluster's names and addresses; every other name is refused at once, since nothing outside can be reached. */
export function renderCorefile(kubeconfig: string): string {
  return `.:53 {
    errors
    health 127.0.0.1:8181
    ready 127.0.0.1:8182
    kubernetes ${network.clusterDomain} in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig}
        pods insecure
        ttl 5
    }
    cache 5
}
`;
}

async function dnsProcess(
  settings: ClusterSettings,
  tools: ControlPlaneTools,
  identity: ClusterIdentity,
): Promise<ProcessSpec> {
  const kubeconfig = await userKubeconfig(settings, identity, "coredns");
  const file = join(statePaths(settings).config, "Corefile");
  const corefile = renderCorefile(kubeconfig.file);
  writeConfig(file, corefile);
  return {
    name: "coredns",
    command: [tools.coredns, "-conf", file],
    reads: [corefile, kubeconfig.text],
  };
}

/** The kubeconfig of the user `system:NAME`, for use in the cluster's namespaces. */
async function userKubeconfig(
  settings: ClusterSettings,
  { authority }: ClusterIdentity,
  name: string,
): Promise<{ file: string; text: string }> {
  const { pki, config } = statePaths(settings);
  const client = await leafCertificate(pki, authority, { name, commonName: `system:${name}`, usages: ["client"] });
  mkdirSync(config, { recursive: true, mode: 0o700 });
  const file = join(config, `${name}.kubeconfig`);
  const text = writeKubeconfig(file, {
    server: internalApiServer,
    cluster: settings.name,
    user: `system:${name}`,
    authority,
    client,
  });
  return { file, text };
}
