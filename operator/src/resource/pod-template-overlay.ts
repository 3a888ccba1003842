import type { PodTemplateOverlay } from "../api/spec/servers.ts";
import type { KubernetesObject } from "../runtime/object.ts";

/**
 * Lays what the user wants over the pod template of a workload. Maps are merged; lists of things with a `name` (containers, volumes,
 * variables) are merged by it; other lists, and plain values, are replaced. The selector's labels cannot be changed: ours win.
 * It works on JSON, so that fields of a newer Kubernetes than our types know are kept.
 */
export function overlayPodTemplate(
  workload: KubernetesObject,
  overlay: PodTemplateOverlay | undefined,
): KubernetesObject {
  if (!overlay) return workload;
  const spec = workload.spec as { template: { metadata: { labels: Record<string, string> } } };
  const merged = merge(spec.template, overlay) as typeof spec.template;
  const labels = { ...merged.metadata.labels, ...spec.template.metadata.labels };
  return { ...workload, spec: { ...spec, template: { ...merged, metadata: { ...merged.metadata, labels } } } };
}

function merge(base: unknown, over: unknown): unknown {
  if (isNamedList(base) && isNamedList(over)) return mergeNamed(base, over);
  if (!isMap(base) || !isMap(over)) return over;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    result[key] = key in base ? merge(base[key], value) : value;
  }
  return result;
}

function mergeNamed(base: Named[], over: Named[]): unknown[] {
  const byName = new Map(over.map((item) => [item.name, item]));
  const known = new Set(base.map((item) => item.name));
  return [
    ...base.map((item) => (byName.has(item.name) ? merge(item, byName.get(item.name)) : item)),
    ...over.filter((item) => !known.has(item.name)),
  ];
}

type Named = { readonly name: string };

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNamedList(list: unknown): list is Named[] {
  return Array.isArray(list) && list.every((item) => isMap(item) && typeof item.name === "string");
}
