import { createLogger } from "@chatcluster/foundation/logger";
import { KubeConfig } from "@kubernetes/client-node";
import { Client, type ClientOptions } from "../client.ts";
import type { KubernetesObject } from "../object.ts";
import { Scheme } from "../scheme.ts";

export const quietLogger = createLogger("test", "silent");

/** Requests that change something; the rest only read. */
const WRITES = new Set(["create", "update", "apply", "patch", "delete"]);

export function kubeConfigOf(text: string): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(text);
  return kubeConfig;
}

/** A client that counts its writing requests. */
export function countingClient(
  kubeconfig: string,
  options: Partial<ClientOptions> = {},
): { client: Client; writes: () => number } {
  let writes = 0;
  const client = new Client({
    kubeConfig: kubeConfigOf(kubeconfig),
    scheme: new Scheme(),
    onCall: ({ verb }) => {
      if (WRITES.has(verb)) writes += 1;
    },
    ...options,
  });
  return { client, writes: () => writes };
}

export function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}): KubernetesObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", ...metadata }, data };
}
