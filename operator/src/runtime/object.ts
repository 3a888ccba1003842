import { CodedError } from "@chatcluster/foundation/errors";

/** A reference from a child to the object that owns it. https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/ */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** True for the one owner that manages the child; only controllers are mapped back to a key. */
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** One entry of `metadata.managedFields`. https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
export interface ManagedFieldsEntry {
  manager?: string;
  operation?: "Apply" | "Update";
  subresource?: string;
  /** A text is the same as JSON: informers' caches hold it so, for it is most of an object and is rarely read. */
  fieldsV1?: Record<string, unknown> | string;
  [field: string]: unknown;
}

/** `metadata` of any object: the fields that the runtime reads, and whatever else the API server sent. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  creationTimestamp?: string;
  deletionTimestamp?: string;
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

/** Any Kubernetes object as raw JSON: nothing that the API server sent is dropped. Objects from a cache must not be changed. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Namespace and name; the namespace is "" for cluster-scoped objects. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`, or `name` alone if cluster-scoped, as client-go's MetaNamespaceKeyFunc: the key of caches and queues. */
export type ObjectKey = string;

/** The key of a namespaced name, or of an object. */
export function keyOf(subject: NamespacedName | KubernetesObject): ObjectKey {
  const { namespace, name } = "metadata" in subject ? subject.metadata : subject;
  return namespace ? `${namespace}/${name}` : name;
}

/** @throws CodedError `invalid_object_key` */
export function parseKey(key: ObjectKey): NamespacedName {
  const [first = "", second, ...rest] = key.split("/");
  if (first === "" || second === "" || rest.length > 0)
    throw new CodedError("invalid_object_key", `not a key of an object: "${key}"`);
  return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}

/** `Deployment default/sample-chat`: how messages name an object. */
export function describeObject(object: KubernetesObject): string {
  return `${object.kind} ${keyOf(object)}`;
}

/** The owner reference with `controller: true`, if there is one. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/**
 * The reference that makes `owner` the controller of a child.
 * @throws CodedError `owner_without_uid`: only an object that the API server has stored can own others.
 */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { name, uid } = owner.metadata;
  if (!uid)
    throw new CodedError("owner_without_uid", `${describeObject(owner)} has no uid and cannot own other objects`);
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether the JSON is an object with apiVersion, kind and a metadata.name: what every reply is checked for. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, metadata } = value as Record<string, unknown>;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return false;
  return typeof metadata === "object" && metadata !== null && typeof (metadata as ObjectMeta).name === "string";
}
