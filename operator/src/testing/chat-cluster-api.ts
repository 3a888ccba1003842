import { until } from "@chatcluster/foundation/until";
import { chatClusterCrd } from "../api/crd.ts";
import { CHAT_CLUSTER } from "../controller/informers.ts";
import { Client, CustomResourceDefinition, isNotFound, type KubernetesObject, Scheme } from "../runtime/index.ts";
import { kubeConfigOf } from "../runtime/testing/api.ts";

/** For integration tests: ChatClusters on a real API server. */

/** A client of an administrator, who is not the operator. */
export function clientOf(kubeconfig: string): Client {
  return new Client({
    kubeConfig: kubeConfigOf(kubeconfig),
    scheme: new Scheme(CHAT_CLUSTER),
    fieldManager: "administrator",
  });
}

/** Installs the CustomResourceDefinition and waits until ChatClusters are served. */
export async function installCrd(client: Client): Promise<void> {
  const crd = chatClusterCrd() as KubernetesObject;
  await client.apply(crd);
  await until(async () => {
    const { status } = await client.get(CustomResourceDefinition, { namespace: "", name: crd.metadata.name });
    const { conditions } = (status ?? {}) as { conditions?: { type: string; status: string }[] | null };
    return conditions?.some((condition) => condition.type === "Established" && condition.status === "True");
  }, "the CustomResourceDefinition to be established");
  await until(
    () =>
      client.list(CHAT_CLUSTER).then(
        () => true,
        (error: unknown) => {
          if (isNotFound(error)) return false;
          throw error;
        },
      ),
    "ChatClusters to be served",
  );
}

export function chatCluster(name: string, spec: Record<string, unknown>, namespace = "default"): KubernetesObject {
  return { apiVersion: CHAT_CLUSTER.apiVersion, kind: CHAT_CLUSTER.kind, metadata: { name, namespace }, spec };
}
