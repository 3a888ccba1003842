/** A Kubernetes object as Pulumi's engine hands it over: inputs on the way in, the live object on the way out. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; [field: string]: unknown };
  status?: { conditions?: { type: string; status: string }[] };
  [field: string]: unknown;
}

/** What the engine puts in the place of a value that is not known yet in a preview (Pulumi's plugin protocol). */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SIGNATURE = "4dabf18193072939515e22adb298388d";

export function hasUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasUnknown);
}

/** `value` with every secret replaced by what it wraps. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (SIGNATURE in value && "value" in value) return withoutSecrets(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutSecrets(each)]));
}

/** `namespace/name`, or `name` of what has no namespace: the id that the official provider gives. */
export function idOf({ metadata }: KubernetesObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** Paths of the fields in which two values differ, as `spec.replicas`. */
export function differences(before: unknown, now: unknown, path = ""): string[] {
  if (Object.is(before, now)) return [];
  if (!isContainer(before) || !isContainer(now) || Array.isArray(before) !== Array.isArray(now)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((key) => differences(before[key], now[key], path === "" ? key : `${path}.${key}`));
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
