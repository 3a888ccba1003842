import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { ApiError } from "./api-error.ts";
import { Cache, type CacheChange, type IndexFunction, type Reader } from "./cache.ts";
import type { Client } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { KubernetesObject, ObjectKey } from "./object.ts";
import { Reflector, type WatchEnd } from "./reflector.ts";
import type { ResourceKind } from "./scheme.ts";

/** Told about every change of the cache, in order; must return fast and not throw. */
export interface EventHandler {
  added?(object: KubernetesObject): void;
  /** On a resync `before` and `after` are the same object. */
  updated?(before: KubernetesObject, after: KubernetesObject): void;
  /** With the last known state if the deletion itself was missed and found by listing again. */
  deleted?(object: KubernetesObject): void;
}

export interface InformerOptions {
  readonly client: Client;
  readonly kind: ResourceKind;
  readonly logger: Logger;
  /** Only these; all namespaces without it. Cluster-scoped kinds take none. */
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What of an object is kept; `dropManagedFields` by default. */
  readonly transform?: (object: KubernetesObject) => KubernetesObject;
  /** Handlers are told about every object again after this time, so that a lost wake-up heals. Milliseconds, 10 minutes by default, 0 is never. */
  readonly resyncMs?: number;
  /**
   * The kind may not be installed (a CustomResourceDefinition of somebody else), or the right to read it may be missing: the copy is then empty and
   * in step, and `refusal` says why. Nobody is asked again until `lookAgain`, so that a kind nobody wants costs nothing.
   */
  readonly optional?: boolean;
  readonly watchTimeoutSeconds?: number;
  readonly watchGraceMs?: number;
  readonly clock?: Clock;
  readonly onWatchRestart?: (resource: string, reason: WatchEnd) => void;
}

/** A local, always current copy of one kind (list, then watch) with handlers: client-go's SharedIndexInformer. */
export class Informer implements Reader {
  readonly kind: ResourceKind;
  /** After this long without a word from the API server the copy is stale: two watches' time, and a retry. */
  readonly staleAfterMs: number;
  readonly #cache = new Cache();
  readonly #handlers: EventHandler[] = [];
  readonly #reflectors = new Map<string | undefined, Reflector>();
  readonly #unsynced: Set<string | undefined>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #resyncMs: number;
  readonly #transform: (object: KubernetesObject) => KubernetesObject;

  constructor(options: InformerOptions) {
    const { client, kind, logger, labelSelector, fieldSelector } = options;
    this.kind = kind;
    this.#clock = options.clock ?? systemClock;
    this.#logger = logger;
    this.#resyncMs = options.resyncMs ?? 600_000;
    this.#transform = options.transform ?? dropManagedFields;
    const watchTimeoutSeconds = options.watchTimeoutSeconds ?? 120;
    const watchGraceMs = options.watchGraceMs ?? 10_000;
    this.staleAfterMs = 2 * (watchTimeoutSeconds * 1250 + watchGraceMs) + 30_000;
    for (const namespace of options.namespaces ?? [undefined]) {
      const selection = {
        ...(namespace === undefined ? {} : { namespace }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
      };
      const reflector = new Reflector({
        client,
        kind,
        selection,
        logger,
        clock: this.#clock,
        watchTimeoutSeconds,
        watchGraceMs,
        backoff: { baseMs: 200, capMs: 30_000, jitter: 0.5 },
        optional: options.optional ?? false,
        onWatchRestart: (reason) => options.onWatchRestart?.(kind.resource, reason),
        sink: {
          replace: (objects, resourceVersion) => this.#replace(namespace, objects, resourceVersion),
          event: ({ type, object }) =>
            this.#dispatch(
              type === "DELETED"
                ? this.#cache.remove(this.#transform(object))
                : this.#cache.upsert(this.#transform(object)),
            ),
        },
      });
      this.#reflectors.set(namespace, reflector);
    }
    this.#unsynced = new Set(this.#reflectors.keys());
  }

  /** Whether every namespace has been listed once. */
  get hasSynced(): boolean {
    return this.#unsynced.size === 0;
  }

  /** Whether the API server has been silent too long to trust the copy. */
  get isStale(): boolean {
    const now = this.#clock.monotonicMs();
    return [...this.#reflectors.values()].some(
      ({ lastContactMs }) => lastContactMs !== undefined && now - lastContactMs > this.staleAfterMs,
    );
  }

  /** Why an optional kind cannot be read: status 404 where the API server does not serve it, 403 where it may not be read. */
  get refusal(): ApiError | undefined {
    return [...this.#reflectors.values()].find(({ refusal }) => refusal)?.refusal;
  }

  /** Asks the API server again for an optional kind that it refused, at most every two seconds. */
  lookAgain(): void {
    for (const reflector of this.#reflectors.values()) reflector.lookAgain();
  }

  get size(): number {
    return this.#cache.size;
  }

  get(key: ObjectKey): KubernetesObject | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): KubernetesObject[] {
    return this.#cache.list(namespace);
  }

  byIndex(name: string, value: string): KubernetesObject[] {
    return this.#cache.byIndex(name, value);
  }

  addIndex(name: string, index: IndexFunction): void {
    this.#cache.addIndex(name, index);
  }

  /** Adds a handler, which is first told about everything that is already there. */
  addHandler(handler: EventHandler): void {
    this.#handlers.push(handler);
    for (const object of this.#cache.list()) this.#call(() => handler.added?.(object));
  }

  /** Runs until the signal aborts. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    const cancelResync = this.#scheduleResync(signal);
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.run(signal)));
    cancelResync();
  }

  /** Resolves when hasSynced is true; rejects when the signal aborts first. */
  async waitForSync(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    await Promise.race([this.#synced.promise, aborted.promise]).finally(() =>
      signal.removeEventListener("abort", abort),
    );
  }

  /**
   * Takes the API server's reply to our own write at once, so that the next reconcile does not act on the copy from before it.
   * What the watch has already passed is ignored: the object may be gone since.
   */
  observe(object: KubernetesObject): void {
    const reflector = this.#reflectors.get(object.metadata.namespace) ?? this.#reflectors.get(undefined);
    if (!reflector || reflector.hasSeen(object.metadata.resourceVersion)) return;
    this.#dispatch(this.#cache.upsert(this.#transform(object)));
  }

  #replace(namespace: string | undefined, objects: readonly KubernetesObject[], resourceVersion: string): void {
    for (const change of this.#cache.replace(namespace, objects.map(this.#transform), resourceVersion))
      this.#dispatch(change);
    if (this.#unsynced.delete(namespace) && this.hasSynced) this.#synced.resolve();
  }

  #dispatch(change: CacheChange | undefined): void {
    if (!change) return;
    const { before, after } = change;
    for (const handler of this.#handlers) {
      this.#call(() => {
        if (!after && before) handler.deleted?.(before);
        else if (after && before) handler.updated?.(before, after);
        else if (after) handler.added?.(after);
      });
    }
  }

  #scheduleResync(signal: AbortSignal): () => void {
    if (this.#resyncMs === 0) return () => undefined;
    let cancel: () => void;
    const resync = () => {
      if (signal.aborted) return;
      for (const object of this.#cache.list()) this.#dispatch({ before: object, after: object });
      cancel = this.#clock.after(this.#resyncMs, resync);
    };
    cancel = this.#clock.after(this.#resyncMs, resync);
    return () => cancel();
  }

  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      // One handler's fault must not stop the watch for the others.
      this.#logger.error({ err: error, resource: this.kind.resource }, `an event handler failed: ${messageOf(error)}`);
    }
  }
}

/** The object without `metadata.managedFields`, which is often half of it. */
export function dropManagedFields(object: KubernetesObject): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The object with only this manager's applied fields in `metadata.managedFields`, as text: what the Applier compares. */
export function keepAppliedFields(fieldManager: string): (object: KubernetesObject) => KubernetesObject {
  return (object) => {
    const { managedFields, ...metadata } = object.metadata;
    const ours = managedFields?.filter(
      (entry) => entry.manager === fieldManager && entry.operation === "Apply" && !entry.subresource,
    );
    const compact = ours?.map((entry) => ({ ...entry, fieldsV1: JSON.stringify(entry.fieldsV1 ?? {}) }));
    return { ...object, metadata: { ...metadata, managedFields: compact ?? [] } };
  };
}
