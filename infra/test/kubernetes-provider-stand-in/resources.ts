import { ApiError, type Cluster } from "./cluster.ts";
import { differences, hasUnknown, idOf, type KubernetesObject } from "./object.ts";

const DEFAULT_TIMEOUT_SECONDS = 600;

/** What may not change of an object that is to stay the same one. */
const IDENTITY = ["apiVersion", "kind", "metadata.name", "metadata.namespace"];

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** Checks inputs as far as it can be done without the object's namespace or kind being there yet, and gives them their default namespace. */
export async function check(
  cluster: Cluster,
  type: string,
  news: KubernetesObject,
): Promise<{ inputs: KubernetesObject; failures: Failure[] }> {
  const failures: Failure[] = [];
  const { apiVersion, kind } = kindOf(type);
  if (news.apiVersion !== apiVersion || news.kind !== kind)
    failures.push({ property: "kind", reason: `${type} can't be a ${news.kind} of ${news.apiVersion}` });
  if (typeof news.metadata?.name !== "string")
    failures.push({
      property: "metadata.name",
      reason: "is required: the stand-in makes up no names, as the official provider does",
    });
  const served = await cluster.kind(apiVersion, kind);
  if (!served && isBuiltIn(apiVersion))
    failures.push({ property: "kind", reason: `the API server has no ${kind} of ${apiVersion}` });
  const namespaced = served ? served.namespaced : true;
  if (failures.length > 0 || !namespaced || news.metadata.namespace !== undefined) return { inputs: news, failures };
  return { inputs: { ...news, metadata: { ...news.metadata, namespace: "default" } }, failures };
}

/** The fields that differ, and those of them that only another object can have. */
export function diff(oldInputs: KubernetesObject, news: KubernetesObject): { changed: string[]; replacing: string[] } {
  const changed = differences(oldInputs, news);
  return { changed, replacing: changed.filter((path) => IDENTITY.includes(path)) };
}

/** Applies `inputs`, in a preview by a dry run, and waits for what the official provider waits for, of that which a lone API server can show. */
export async function apply(
  cluster: Cluster,
  inputs: KubernetesObject,
  preview: boolean,
  timeoutSeconds: number,
): Promise<KubernetesObject> {
  if (preview) return hasUnknown(inputs) ? inputs : dryRun(cluster, inputs);
  const live = await cluster.apply(inputs, false);
  const seconds = timeoutSeconds > 0 ? timeoutSeconds : DEFAULT_TIMEOUT_SECONDS;
  const condition = awaitedCondition(inputs);
  if (condition === undefined) return live;
  const holds = (each: KubernetesObject | undefined) =>
    each?.status?.conditions?.some(({ type, status }) => type === condition && status === "True") ?? false;
  return (await cluster.until(inputs, holds, seconds, `is not ${condition}`)) ?? live;
}

async function dryRun(cluster: Cluster, inputs: KubernetesObject): Promise<KubernetesObject> {
  try {
    return await cluster.apply(inputs, true);
  } catch (error) {
    // Its namespace, or its CustomResourceDefinition, is only made by the update itself.
    if (error instanceof ApiError && error.status === 404) return inputs;
    throw error;
  }
}

function awaitedCondition(inputs: KubernetesObject): string | undefined {
  if (inputs.kind === "CustomResourceDefinition") return "Established";
  const wanted = inputs.metadata.annotations?.["pulumi.com/waitFor"];
  if (wanted === undefined) return undefined;
  const [, condition] = /^condition=([A-Za-z]+)$/.exec(wanted) ?? [];
  if (condition === undefined) throw new Error(`${idOf(inputs)}: the stand-in waits for no "${wanted}"`);
  return condition;
}

/** `kubernetes:core/v1:Service` is kind Service of v1, `kubernetes:apps/v1:Deployment` kind Deployment of apps/v1. */
export function kindOf(type: string): { apiVersion: string; kind: string } {
  const [packageName, apiVersion = "", kind = ""] = type.split(":");
  if (packageName !== "kubernetes" || !/\/v[0-9]/.test(apiVersion))
    throw new Error(`${type} is no type of a Kubernetes object`);
  return { apiVersion: apiVersion.replace(/^core\//, ""), kind };
}

/** Of a group that no CustomResourceDefinition can bring. */
function isBuiltIn(apiVersion: string): boolean {
  const [group = ""] = apiVersion.includes("/") ? apiVersion.split("/") : [""];
  return !group.includes(".") || group.endsWith(".k8s.io");
}

/** An object of which only its type and its id are known. */
export function objectOf(type: string, id: string): KubernetesObject {
  const [name = "", namespace] = id.split("/").reverse();
  return { ...kindOf(type), metadata: { name, ...(namespace !== undefined && { namespace }) } };
}
