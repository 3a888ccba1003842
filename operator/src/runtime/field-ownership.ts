import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject, ManagedFieldsEntry } from "./object.ts";

/** A node of FieldsV1: `f:name`, `k:{"key":…}`, `v:value` lead to children; an empty node is owned whole. */
type FieldSet = Record<string, unknown>;

/**
 * The first field of `desired` that the manager no longer owns in `live`, as a path; undefined if it owns all.
 *
 * The API server takes a field from its appliers when somebody else changes or removes it, and knows list keys, atomic lists, defaults
 * and normal forms of quantities; so owning a field that was applied means that it still has the applied value, whatever the value looks
 * like in the live object. https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function findLostField(
  desired: KubernetesObject,
  live: KubernetesObject,
  fieldManager: string,
): string | undefined {
  const owned = appliedFields(live, fieldManager);
  if (!owned) return "metadata.managedFields";
  const { apiVersion: _, kind: __, metadata, ...rest } = desired;
  // The names, uid and versions of an object are never managed.
  const managed = {
    labels: metadata.labels,
    annotations: metadata.annotations,
    finalizers: metadata.finalizers,
    ownerReferences: metadata.ownerReferences,
  };
  return findInMap(rest, owned, "") ?? findInMap(managed, asFieldSet(owned["f:metadata"]), "metadata.");
}

/** The FieldsV1 of the manager's apply. */
export function appliedFields(live: KubernetesObject, fieldManager: string): FieldSet | undefined {
  const isOurs = (entry: ManagedFieldsEntry) =>
    entry.manager === fieldManager && entry.operation === "Apply" && !entry.subresource;
  const fields = live.metadata.managedFields?.find(isOurs)?.fieldsV1;
  return typeof fields === "string" ? (JSON.parse(fields) as FieldSet) : fields;
}

function findInMap(desired: object, owned: FieldSet, path: string): string | undefined {
  for (const [name, value] of Object.entries(desired)) {
    if (value === undefined || value === null) continue;
    const child = owned[`f:${name}`];
    if (child === undefined) {
      // Of an empty list by key there is no element to own: the API server records nothing.
      if (Array.isArray(value) && value.length === 0) continue;
      return path + name;
    }
    const lost = findInValue(value, asFieldSet(child), path + name);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function findInValue(value: unknown, owned: FieldSet, path: string): string | undefined {
  // A leaf: a scalar, or a map or list that is owned as a whole.
  if (Object.keys(owned).length === 0 || typeof value !== "object" || value === null) return undefined;
  return Array.isArray(value) ? findInList(value, owned, path) : findInMap(value, owned, `${path}.`);
}

function findInList(items: readonly unknown[], owned: FieldSet, path: string): string | undefined {
  for (const [position, item] of items.entries()) {
    const key = Object.keys(owned).find((candidate) => isElement(candidate, item, position));
    if (key === undefined) return `${path}[${position}]`;
    const lost = findInValue(item, asFieldSet(owned[key]), `${path}[${position}]`);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function isElement(key: string, item: unknown, position: number): boolean {
  const text = key.slice(2);
  if (key.startsWith("i:")) return Number(text) === position;
  if (key.startsWith("v:")) return isDeepStrictEqual(JSON.parse(text), item);
  if (!key.startsWith("k:") || typeof item !== "object" || item === null) return false;
  const fields = item as Record<string, unknown>;
  // A key field that we left out was defaulted by the API server (a port's protocol).
  return Object.entries(JSON.parse(text) as object).every(([name, value]) => (fields[name] ?? value) === value);
}

function asFieldSet(value: unknown): FieldSet {
  return typeof value === "object" && value !== null ? (value as FieldSet) : {};
}
