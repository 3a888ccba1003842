import { CodedError } from "@chatcluster/foundation/errors";
import { buildImages, type Image } from "../images/index.ts";
import { type Progress, tools } from "../tools/index.ts";
import type { ClusterTools } from "./local-cluster.ts";

/** The programs of a cluster, which are compiled, downloaded or installed first where they are absent. */
export async function clusterTools(progress?: Progress): Promise<ClusterTools> {
  return tools(
    [
      "etcd",
      "kube-apiserver",
      "kube-controller-manager",
      "kube-scheduler",
      "kubelet",
      "kube-proxy",
      "kube-router",
      "containerd",
      "ctr",
      "coredns",
      "runc",
      "cni-plugins",
      "iptables",
      "ipset",
      "conntrack",
      "ip",
      "haproxy",
      "kubectl",
    ],
    progress,
  );
}

/** The image that holds the namespaces of a pod. */
export async function buildSandboxImage(progress: Progress): Promise<Image> {
  const [image] = await buildImages(progress, ["pause"]);
  if (!image) throw new CodedError("image_missing", "no pause image was built");
  return image;
}
