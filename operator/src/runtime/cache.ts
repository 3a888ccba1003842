import { CodedError } from "@chatcluster/foundation/errors";
import { type KubernetesObject, keyOf, type ObjectKey } from "./object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** The values under which an index files an object. */
export type IndexFunction = (object: KubernetesObject) => readonly string[];

/** What reconcilers read: the informer's copy of the cluster. Objects are shared and must not be changed. */
export interface Reader {
  get(key: ObjectKey): KubernetesObject | undefined;
  /** Everything, or one namespace. */
  list(namespace?: string): KubernetesObject[];
  /** The objects that the index `name` files under `value`. @throws CodedError `unknown_index` */
  byIndex(name: string, value: string): KubernetesObject[];
}

/** What a change did to the cache: one of these is undefined if the object came or went. */
export interface CacheChange {
  readonly before: KubernetesObject | undefined;
  readonly after: KubernetesObject | undefined;
}

/** The namespace index that every cache has. */
const NAMESPACE_INDEX = "namespace";

/** A map of objects with indexes, which never takes an older version of an object for a newer one. */
export class Cache implements Reader {
  readonly #objects = new Map<ObjectKey, KubernetesObject>();
  readonly #indexes = new Map<string, Index>([
    [NAMESPACE_INDEX, new Index((object) => [object.metadata.namespace ?? ""])],
  ]);

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): KubernetesObject | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): KubernetesObject[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(NAMESPACE_INDEX, namespace);
  }

  byIndex(name: string, value: string): KubernetesObject[] {
    const index = this.#indexes.get(name);
    if (!index) throw new CodedError("unknown_index", `the cache has no index "${name}"`);
    const found: KubernetesObject[] = [];
    for (const key of index.keys(value)) {
      const object = this.#objects.get(key);
      if (object) found.push(object);
    }
    return found;
  }

  /** Adding an index that exists changes nothing, so that several controllers may ask for the same one. */
  addIndex(name: string, index: IndexFunction): void {
    if (this.#indexes.has(name)) return;
    const added = new Index(index);
    for (const [key, object] of this.#objects) added.add(key, object);
    this.#indexes.set(name, added);
  }

  /** Stores the object unless the same or a newer version is there; undefined if nothing changed. */
  upsert(object: KubernetesObject): CacheChange | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before && !isNewer(object, before)) return undefined;
    this.#set(key, before, object);
    return { before, after: object };
  }

  /** Forgets the object; undefined if it was not there, or if a newer one of that name is. */
  remove(object: KubernetesObject): CacheChange | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (!before || isOlder(object, before)) return undefined;
    this.#set(key, before, undefined);
    return { before: object, after: undefined };
  }

  /**
   * Makes the cache equal to a list that was read at `resourceVersion`. Objects written after that are kept: the watch that follows
   * tells about them.
   * @returns every change, deletions with the last known state (client-go's tombstones).
   */
  replace(namespace: string | undefined, objects: readonly KubernetesObject[], resourceVersion: string): CacheChange[] {
    const listed = new Set(objects.map(keyOf));
    const gone = this.list(namespace).filter(
      (object) => !listed.has(keyOf(object)) && !isWrittenAfter(object, resourceVersion),
    );
    const changes: (CacheChange | undefined)[] = [];
    for (const object of gone) {
      this.#set(keyOf(object), object, undefined);
      changes.push({ before: object, after: undefined });
    }
    for (const object of objects) changes.push(this.upsert(object));
    return changes.filter((change) => change !== undefined);
  }

  #set(key: ObjectKey, before: KubernetesObject | undefined, after: KubernetesObject | undefined): void {
    for (const index of this.#indexes.values()) {
      if (before) index.remove(key, before);
      if (after) index.add(key, after);
    }
    if (after) this.#objects.set(key, after);
    else this.#objects.delete(key);
  }
}

class Index {
  readonly #function: IndexFunction;
  readonly #keys = new Map<string, Set<ObjectKey>>();

  constructor(index: IndexFunction) {
    this.#function = index;
  }

  keys(value: string): Iterable<ObjectKey> {
    return this.#keys.get(value) ?? [];
  }

  add(key: ObjectKey, object: KubernetesObject): void {
    for (const value of this.#function(object)) {
      const keys = this.#keys.get(value) ?? new Set();
      this.#keys.set(value, keys.add(key));
    }
  }

  remove(key: ObjectKey, object: KubernetesObject): void {
    for (const value of this.#function(object)) {
      const keys = this.#keys.get(value);
      if (keys?.delete(key) && keys.size === 0) this.#keys.delete(value);
    }
  }
}

function versions(object: KubernetesObject, other: KubernetesObject): number | undefined {
  return compareResourceVersions(object.metadata.resourceVersion, other.metadata.resourceVersion);
}

function isNewer(object: KubernetesObject, stored: KubernetesObject): boolean {
  const order = versions(object, stored);
  return order === undefined ? object.metadata.resourceVersion !== stored.metadata.resourceVersion : order > 0;
}

function isOlder(object: KubernetesObject, stored: KubernetesObject): boolean {
  const order = versions(object, stored);
  return order !== undefined && order < 0;
}

function isWrittenAfter(object: KubernetesObject, resourceVersion: string): boolean {
  const order = compareResourceVersions(object.metadata.resourceVersion, resourceVersion);
  return order !== undefined && order > 0;
}
