import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { MANAGED_BY } from "./names.ts";

/** A Secret with the given texts by key. One with a certificate is of the type that says so, for those who look for it. */
export function generatedSecret(
  scope: Construct,
  cluster: ChatCluster,
  name: string,
  texts: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> = {},
): void {
  const base64 = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text, "utf8").toString("base64")]);
  new k8s.KubeSecret(scope, `secret-${name}`, {
    metadata: {
      name,
      labels: {
        "app.kubernetes.io/name": "chatcluster",
        "app.kubernetes.io/instance": cluster.metadata.name,
        ...MANAGED_BY,
        ...labels,
      },
    },
    type: "tls.crt" in texts ? "kubernetes.io/tls" : "Opaque",
    data: Object.fromEntries(base64),
  });
}
