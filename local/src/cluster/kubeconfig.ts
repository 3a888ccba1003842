import { stringify } from "yaml";
import { writeConfig } from "./config-file.ts";
import type { KeyPair } from "./pki.ts";

export type KubeconfigRequest = {
  /** URL of the API server. */
  server: string;
  cluster: string;
  user: string;
  authority: KeyPair;
  client: KeyPair;
};

/** A kubeconfig that carries its certificates: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export function renderKubeconfig({ server, cluster, user, authority, client }: KubeconfigRequest): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: cluster, cluster: { server, "certificate-authority-data": base64(authority.certificate) } }],
      users: [
        {
          name: user,
          user: { "client-certificate-data": base64(client.certificate), "client-key-data": base64(client.key) },
        },
      ],
      contexts: [{ name: cluster, context: { cluster, user } }],
      "current-context": cluster,
    },
    { lineWidth: 0 },
  );
}

export function writeKubeconfig(file: string, request: KubeconfigRequest): string {
  return writeConfig(file, renderKubeconfig(request));
}
