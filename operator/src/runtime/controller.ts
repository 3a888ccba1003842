import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { BackoffOptions } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Informer } from "./informer.ts";
import type { RuntimeMetrics } from "./metrics.ts";
import { controllerOf, type KubernetesObject, keyOf, type NamespacedName, type ObjectKey, parseKey } from "./object.ts";
import type { ResourceKind } from "./scheme.ts";
import { Workqueue } from "./workqueue.ts";

/** What a reconcile asks for next; nothing means: only when something changes. */
export interface Result {
  /** Reconcile again after this time at the latest, in milliseconds. */
  readonly requeueAfterMs?: number;
}

export interface ReconcileContext {
  /** Aborts when the process stops or is no longer the leader. */
  readonly signal: AbortSignal;
  /** Carries the controller's name and the key. */
  readonly logger: Logger;
}

/**
 * Brings the cluster's state for one object towards its spec. Level-triggered: it is told which object, not what changed, and must be
 * safe to run at any time, again, and after an object is gone. Throwing means: again, after a back-off.
 */
export type Reconcile = (request: NamespacedName, context: ReconcileContext) => Promise<Result | undefined>;

/** Another kind whose changes concern primary objects: the keys to reconcile for a changed object. */
export interface Source {
  readonly informer: Informer;
  readonly map: (object: KubernetesObject) => Iterable<ObjectKey>;
}

export interface ControllerOptions {
  /** Names its metrics and log lines: `chatcluster`. */
  readonly name: string;
  /** Every change of these objects reconciles them. */
  readonly primary: Informer;
  /** Changes of these reconcile the primary object that their controller owner reference names. */
  readonly owns?: readonly Informer[];
  readonly watches?: readonly Source[];
  readonly reconcile: Reconcile;
  /** Keys in work at once; one key is never worked on twice at once. 4 by default. */
  readonly maxConcurrent?: number;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
}

/** A queue of keys fed by informers, and workers that reconcile them. Run by a Manager. */
export class Controller {
  readonly name: string;
  readonly informers: readonly Informer[];
  readonly #options: ControllerOptions;
  readonly #queue: Workqueue<ObjectKey>;

  constructor(options: ControllerOptions) {
    const { primary, owns = [], watches = [] } = options;
    this.name = options.name;
    this.informers = [primary, ...owns, ...watches.map(({ informer }) => informer)];
    this.#options = options;
    this.#queue = new Workqueue({
      ...(options.backoff ? { backoff: options.backoff } : {}),
      ...(options.clock ? { clock: options.clock } : {}),
    });
    this.#follow(primary, (object) => [keyOf(object)]);
    for (const informer of owns) this.#follow(informer, (object) => ownerKeys(object, primary.kind));
    for (const { informer, map } of watches) this.#follow(informer, map);
  }

  get queueDepth(): number {
    return this.#queue.depth;
  }

  /** Reconciles the key soon: for sources that are no objects, such as a timer or a metric. */
  enqueue(key: ObjectKey): void {
    this.#queue.add(key);
  }

  /** Works until the signal aborts, then ends what is in work. Only with synced informers, only as the leader. Call once. */
  async run(signal: AbortSignal, logger: Logger, metrics: RuntimeMetrics): Promise<void> {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
    const workers = Array.from({ length: this.#options.maxConcurrent ?? 4 }, () => this.#work(signal, logger, metrics));
    await stopped;
    await this.#queue.shutDown();
    await Promise.all(workers);
  }

  #follow(informer: Informer, map: Source["map"]): void {
    const enqueue = (object: KubernetesObject) => {
      for (const key of map(object)) this.#queue.add(key);
    };
    informer.addHandler({
      added: enqueue,
      updated: (before, after) => {
        // The old state too: a changed owner or label concerns whom it pointed to before.
        if (before !== after) enqueue(before);
        enqueue(after);
      },
      deleted: enqueue,
    });
  }

  async #work(signal: AbortSignal, logger: Logger, metrics: RuntimeMetrics): Promise<void> {
    for (;;) {
      const key = await this.#queue.get();
      if (key === undefined) return;
      // What still waited when the process was told to stop is left to its successor.
      if (!signal.aborted) await this.#reconcile(key, signal, logger.child({ controller: this.name, key }), metrics);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal, logger: Logger, metrics: RuntimeMetrics): Promise<void> {
    const labels = { controller: this.name };
    const stopTimer = metrics.reconcileSeconds.startTimer(labels);
    metrics.activeWorkers.inc(labels);
    try {
      const result = await this.#options.reconcile(parseKey(key), { signal, logger });
      this.#queue.forget(key);
      if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
      metrics.reconcileTotal.inc({
        ...labels,
        result: result?.requeueAfterMs === undefined ? "success" : "requeue_after",
      });
    } catch (error) {
      const delayMs = this.#queue.addRateLimited(key);
      metrics.queueRetries.inc(labels);
      metrics.reconcileErrors.inc(labels);
      metrics.reconcileTotal.inc({ ...labels, result: "error" });
      if (!signal.aborted)
        logger.error({ err: error, delayMs: Math.round(delayMs) }, `reconcile failed: ${messageOf(error)}`);
    } finally {
      metrics.activeWorkers.dec(labels);
      stopTimer();
    }
  }
}

/** The key of the object of this kind (any version of its group) that controls `object`. */
function ownerKeys(object: KubernetesObject, primary: ResourceKind): ObjectKey[] {
  const owner = controllerOf(object);
  if (!owner || owner.kind !== primary.kind || groupOf(owner.apiVersion) !== groupOf(primary.apiVersion)) return [];
  return [keyOf({ namespace: primary.namespaced ? (object.metadata.namespace ?? "") : "", name: owner.name })];
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}
