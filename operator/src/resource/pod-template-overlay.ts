import type { PodTemplateOverlay } from "../api/spec/pod-template.ts";
import type { KubernetesObject } from "../runtime/object.ts";

type Fields = Record<string, unknown>;

interface Template {
  readonly metadata: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec: PodSpec;
}

interface PodSpec extends Fields {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Fields[];
  readonly hostAliases?: readonly Fields[];
  readonly securityContext?: Fields;
}

interface Container extends Fields {
  readonly name: string;
  readonly securityContext?: Fields;
}

/**
 * Lays what the user wants over the pod template of each workload among the objects. Maps are merged; lists of things with a `name` (containers,
 * volumes, variables) are merged by it, mounts by their path; other lists, and plain values, are replaced. What the operator needs of its own stays: see
 * `keepOwn`. It works on JSON, so that fields of a newer Kubernetes than our types know are kept.
 */
export function overlayPodTemplate(
  objects: readonly KubernetesObject[],
  overlay: PodTemplateOverlay | undefined,
): KubernetesObject[] {
  if (!overlay) return [...objects];
  return objects.map((object) => {
    if (object.kind !== "Deployment" && object.kind !== "StatefulSet") return object;
    const spec = object.spec as { template: Template };
    const template = keepOwn(spec.template, merge(spec.template, overlay) as Template);
    return { ...object, spec: { ...spec, template } };
  });
}

/** What the level "restricted" asks of a pod; the user of an image may be another one, but not root. */
const POD_SECURITY = ["runAsNonRoot", "seccompProfile"];
const CONTAINER_SECURITY = ["allowPrivilegeEscalation", "capabilities"];
/** What a container could take back of it. */
const LOOSENED = [...POD_SECURITY, "privileged", "procMount"];

/**
 * Puts back what selects the pods, makes them roll (the hash of their configuration), lets the operator's own containers run as they must, and
 * lets them pass the level "restricted".
 */
function keepOwn(own: Template, merged: Template): Template {
  const { spec } = merged;
  return {
    ...merged,
    metadata: {
      ...merged.metadata,
      labels: { ...merged.metadata.labels, ...own.metadata.labels },
      ...((own.metadata.annotations || merged.metadata.annotations) && {
        annotations: { ...merged.metadata.annotations, ...own.metadata.annotations },
      }),
    },
    spec: {
      ...spec,
      ...pick(own.spec, ["serviceAccountName"]),
      ...(own.spec.securityContext && {
        securityContext: { ...spec.securityContext, ...pick(own.spec.securityContext, POD_SECURITY) },
      }),
      containers: keepContainers(own.spec.containers, spec.containers),
      ...(own.spec.initContainers && {
        initContainers: keepContainers(own.spec.initContainers, spec.initContainers ?? []),
      }),
      ...(own.spec.volumes && { volumes: keepItems(own.spec.volumes, spec.volumes) }),
      // By these Redis' servers and sentinels know each other: a list without names, which would be replaced.
      ...(own.spec.hostAliases && { hostAliases: [...own.spec.hostAliases, ...others(own.spec, spec, "hostAliases")] }),
    },
  };
}

function keepContainers(own: readonly Container[], merged: readonly Container[]): Container[] {
  return merged.map((container) => {
    const ours = own.find(({ name }) => name === container.name);
    if (!ours) return container;
    const kept: Container = { ...container, ...pick(ours, ["image", "command"]) };
    for (const list of ["ports", "volumeMounts"])
      if (ours[list]) Object.assign(kept, { [list]: keepItems(ours[list] as Fields[], container[list] as Fields[]) });
    const theirs = Object.entries(container.securityContext ?? {}).filter(([key]) => !LOOSENED.includes(key));
    const security = { ...Object.fromEntries(theirs), ...pick(ours.securityContext ?? {}, CONTAINER_SECURITY) };
    return Object.keys(security).length === 0 ? kept : { ...kept, securityContext: security };
  });
}

/** The merged list, with our items as they were. */
function keepItems(own: readonly Fields[], merged: readonly Fields[] | undefined): Fields[] {
  return (merged ?? own).map((item) => own.find((ours) => identityOf(ours) === identityOf(item)) ?? item);
}

function others(own: PodSpec, merged: PodSpec, list: "hostAliases"): readonly Fields[] {
  return merged[list] === own[list] ? [] : (merged[list] ?? []);
}

function pick(fields: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => keys.includes(key)));
}

function merge(base: unknown, over: unknown): unknown {
  if (isNamedList(base) && isNamedList(over)) return mergeNamed(base, over);
  if (!isMap(base) || !isMap(over)) return over;
  const result: Fields = { ...base };
  for (const [key, value] of Object.entries(over)) {
    result[key] = key in base ? merge(base[key], value) : value;
  }
  return result;
}

function mergeNamed(base: readonly Fields[], over: readonly Fields[]): unknown[] {
  const byIdentity = new Map(over.map((item) => [identityOf(item), item]));
  const known = new Set(base.map(identityOf));
  return [
    ...base.map((item) => (byIdentity.has(identityOf(item)) ? merge(item, byIdentity.get(identityOf(item))) : item)),
    ...over.filter((item) => !known.has(identityOf(item))),
  ];
}

/** By what the API server tells the items of a list apart: one volume may be mounted twice. */
function identityOf({ name, mountPath }: Fields): unknown {
  return mountPath ?? name;
}

function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNamedList(list: unknown): list is Fields[] {
  return Array.isArray(list) && list.every((item) => isMap(item) && typeof item.name === "string");
}
