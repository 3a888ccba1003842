import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { renderBaseObjects } from "./base-objects.ts";
import { cgroupHierarchies } from "./cgroups.ts";
import { renderCorefile } from "./control-plane.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { initScript } from "./machine.ts";
import { renderCniConfig, renderContainerdConfig, renderKubeletConfig, renderKubeProxyConfig } from "./node-config.ts";
import { renderWayIn } from "./way-in.ts";

const settings = { state: "/var/lib/chatcluster", name: "chatcluster" };

describe("the configuration of a cluster's parts", () => {
  it("gives each node's kubelet its own address, cgroup and certificate", () => {
    const config = parse(renderKubeletConfig(settings, 2, { authority: "/ca", certificate: "/crt", key: "/key" }));
    assert.equal(config.address, "10.99.0.2");
    assert.equal(config.cgroupRoot, "/chatcluster-2");
    assert.equal(config.tlsCertFile, "/crt");
    assert.deepEqual(config.clusterDNS, ["10.96.0.10"]);
    assert.equal(config.authentication.anonymous.enabled, false);
    assert.equal(config.authorization.mode, "Webhook");
    assert.equal(config.failCgroupV1, false);
    assert.equal(config.imageGCHighThresholdPercent, 100);
  });

  it("gives each node a pod range of its own", () => {
    const ranges = [1, 2, 3].map((node) => JSON.parse(renderCniConfig(node)).plugins[0].ipam.ranges[0][0].subnet);
    assert.deepEqual(ranges, ["10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"]);
  });

  it("makes containerd keep the sandbox image and ask for nothing that the machine lacks", () => {
    const config = renderContainerdConfig({
      runc: "/usr/sbin/runc",
      cniPlugins: "/usr/lib/cni",
      cniConfig: "/var/lib/chatcluster/nodes/1/cni",
      sandboxImage: "localhost/chatcluster/pause:0123",
    });
    assert.match(config, /pinned_images\]\n {2}sandbox = "localhost\/chatcluster\/pause:0123"/);
    assert.match(config, /restrict_oom_score_adj = true/);
    assert.match(config, /bin_dirs = \["\/usr\/lib\/cni"\]/);
  });

  it("leaves the machine's conntrack limit alone", () => {
    const config = parse(renderKubeProxyConfig(settings, 1, "/kubeconfig"));
    assert.deepEqual(config.conntrack, { maxPerCore: 0, min: 0 });
  });

  it("lets nobody in but from 127.0.0.1, and dials in the first node's network", () => {
    const config = renderWayIn(settings, { api: 7443, ingress: 7080 }, 2);
    assert.deepEqual(config.match(/bind .*/g), ["bind 127.0.0.1:7443", "bind 127.0.0.1:7080"]);
    const servers = config.match(/^ {4}server .*$/gm) ?? [];
    assert.deepEqual(
      servers.map((server) => server.trim().split(" ").slice(2, 5).join(" ")),
      [
        "10.99.0.1:6443 namespace chatcluster-1",
        "10.99.0.1:30080 namespace chatcluster-1",
        "10.99.0.2:30080 namespace chatcluster-1",
      ],
    );
  });

  it("lets CoreDNS answer for the cluster's names and forward nothing", () => {
    const corefile = renderCorefile("/kubeconfig");
    assert.match(corefile, /kubernetes cluster\.local in-addr\.arpa ip6\.arpa \{/);
    assert.doesNotMatch(corefile, /forward/);
  });

  it("has a default StorageClass whose volumes can't grow, and a DNS Service with an endpoint", () => {
    const objects = parseAllDocuments(renderBaseObjects()).map((document) => document.toJS());
    const storage = objects.find(({ kind }) => kind === "StorageClass");
    assert.equal(storage.metadata.annotations["storageclass.kubernetes.io/is-default-class"], "true");
    assert.equal(storage.allowVolumeExpansion, false);
    const service = objects.find(({ kind }) => kind === "Service");
    const slice = objects.find(({ kind }) => kind === "EndpointSlice");
    assert.equal(service.spec.clusterIP, "10.96.0.10");
    assert.equal(slice.metadata.labels["kubernetes.io/service-name"], service.metadata.name);
    assert.deepEqual(slice.endpoints[0].addresses, ["10.99.0.1"]);
  });

  it("lets CoreDNS and kube-router look, and do nothing else", () => {
    const objects = parseAllDocuments(renderBaseObjects()).map((document) => document.toJS());
    const roles = objects.filter(({ kind }) => kind === "ClusterRole");
    assert.deepEqual(
      roles.map(({ metadata }) => metadata.name),
      ["system:coredns", "system:kube-router"],
    );
    for (const { verbs } of roles.flatMap(({ rules }) => rules))
      assert.deepEqual(new Set(verbs).difference(new Set(["get", "list", "watch"])), new Set());
  });

  it("carries certificates in the kubeconfig", () => {
    const pair = (name: string) => ({
      certificate: `${name} certificate`,
      key: `${name} key`,
      certificateFile: "",
      keyFile: "",
    });
    const config = parse(
      renderKubeconfig({
        server: "https://127.0.0.1:6443",
        cluster: "chatcluster",
        user: "admin",
        authority: pair("ca"),
        client: pair("admin"),
      }),
    );
    assert.equal(config["current-context"], config.contexts[0].name);
    const decode = (text: string) => Buffer.from(text, "base64").toString();
    assert.equal(decode(config.clusters[0].cluster["certificate-authority-data"]), "ca certificate");
    assert.equal(decode(config.users[0].user["client-key-data"]), "admin key");
  });

  it("mounts a machine's own folders before the machine says that it is ready", () => {
    const lines = initScript({ "/var/lib/kubelet": "/state/kubelet" }).split("\n");
    const bind = lines.indexOf("mount --bind /state/kubelet /var/lib/kubelet");
    assert.ok(bind > 0);
    assert.ok(bind < lines.indexOf("touch /run/machine-ready"));
    assert.equal(lines[0], "set -eu");
  });
});

describe("the cgroup hierarchies", () => {
  it("are told apart by version among all mounts", () => {
    const mounts = [
      "tmpfs /sys/fs/cgroup tmpfs rw 0 0",
      "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0",
      "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
      "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
      "",
    ].join("\n");
    assert.deepEqual(cgroupHierarchies(mounts, 2), ["/sys/fs/cgroup/unified"]);
    assert.deepEqual(cgroupHierarchies(mounts, 1), ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"]);
  });
});
