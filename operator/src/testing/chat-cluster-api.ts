import { until } from "@chatcluster/foundation/until";
import { chatClusterCrd } from "../api/crd.ts";
import type { ChatClusterStatus } from "../api/status.ts";
import { CHAT_CLUSTER } from "../controller/informers.ts";
import {
  Client,
  type Condition,
  CustomResourceDefinition,
  findCondition,
  isNotFound,
  type KubernetesObject,
  type ResourceKind,
  Scheme,
} from "../runtime/index.ts";
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

/** Creates ChatCluster `sample` and waits for the status that follows its last child. */
export async function createSample(
  admin: Client,
  namespace: string,
  spec: Record<string, unknown> = {},
): Promise<KubernetesObject> {
  const created = await admin.create(chatCluster("sample", spec, namespace));
  await until(async () => (await sampleStatus(admin, namespace)).observedGeneration === 1, "a status");
  return created;
}

export async function sampleStatus(admin: Client, namespace: string): Promise<ChatClusterStatus> {
  const { status } = await admin.get(CHAT_CLUSTER, { namespace, name: "sample" });
  return (status ?? {}) as ChatClusterStatus;
}

export function condition(status: ChatClusterStatus, type: string): Condition | undefined {
  return findCondition(status.conditions as Condition[] | undefined, type);
}

/** A child of `sample` by the end of its name. */
export function sampleChild(
  admin: Client,
  namespace: string,
  kind: ResourceKind,
  suffix: string,
): Promise<KubernetesObject> {
  return admin.get(kind, { namespace, name: `sample-${suffix}` });
}
