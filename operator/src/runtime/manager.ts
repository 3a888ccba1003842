import type { Logger } from "@chatcluster/foundation/logger";
import type { KubeConfig } from "@kubernetes/client-node";
import { collectDefaultMetrics, Registry } from "prom-client";
import { type Call, Client, FIELD_MANAGER } from "./client.ts";
import type { Clock } from "./clock.ts";
import type { Controller } from "./controller.ts";
import { EventRecorder } from "./events.ts";
import { type HealthCheck, HealthServer } from "./health-server.ts";
import { Informer, type InformerOptions } from "./informer.ts";
import { LeaderElection, type LeaderElectionOptions } from "./leader-election.ts";
import { RuntimeMetrics } from "./metrics.ts";
import type { ResourceKind, Scheme } from "./scheme.ts";

export interface ManagerOptions {
  readonly kubeConfig: KubeConfig;
  readonly scheme: Scheme;
  readonly logger: Logger;
  /** This process, for the lease and for Events: the pod's name. */
  readonly instance: string;
  readonly health: { readonly host: string; readonly port: number };
  /** Without it every instance works: for tests and one-replica tools only. */
  readonly leaderElection?: Omit<LeaderElectionOptions, "client" | "logger" | "candidate">;
  readonly registry?: Registry;
  readonly clock?: Clock;
}

type SharedInformerOptions = Omit<InformerOptions, "client" | "kind" | "logger" | "onWatchRestart">;

/**
 * Holds what controllers share (client, informers, events, metrics, health) and runs them: informers first, then the election, then the
 * controllers, and all of it backwards at the end. controller-runtime's Manager.
 */
export class Manager {
  /** For everything that controllers do; refuses writes unless this process leads (`not_leader`). */
  readonly client: Client;
  readonly events: EventRecorder;
  readonly metrics: RuntimeMetrics;
  readonly logger: Logger;
  readonly #options: ManagerOptions;
  readonly #election: LeaderElection | undefined;
  readonly #informers = new Map<string, Informer>();
  readonly #controllers: Controller[] = [];
  /** Empty: what fails here ends the process by itself, and losing the API server is no reason for a restart. */
  readonly #livez: ReadonlyMap<string, HealthCheck> = new Map();
  readonly #readyz = new Map<string, HealthCheck>();
  #healthPort: number | undefined;

  constructor(options: ManagerOptions) {
    const { kubeConfig, scheme, logger, leaderElection, instance } = options;
    this.#options = options;
    this.logger = logger;
    this.metrics = new RuntimeMetrics(options.registry ?? new Registry());
    collectDefaultMetrics({ register: this.metrics.registry });
    const onCall = (call: Call) => this.metrics.observeCall(call);
    if (leaderElection) {
      // Its own connections: a lease is renewed however busy the controllers are, and before this process may write anything else.
      const client = new Client({ kubeConfig, scheme, onCall, timeoutMs: 5_000 });
      this.#election = new LeaderElection({ ...leaderElection, client, logger, candidate: instance });
    }
    this.client = new Client({ kubeConfig, scheme, onCall, beforeWrite: () => this.#election?.assertLeader() });
    this.events = new EventRecorder({
      client: this.client,
      logger,
      metrics: this.metrics,
      reportingController: `chatcluster.dev/${FIELD_MANAGER}`,
      reportingInstance: instance,
    });
    this.#readyz.set("informers", () => this.#unreadyInformers());
  }

  /** Where `/healthz`, `/readyz` and `/metrics` are, once `run` listens. */
  get healthPort(): number | undefined {
    return this.#healthPort;
  }

  /** True while this process does the work. */
  get isLeader(): boolean {
    return this.#election?.isLeader ?? true;
  }

  /** The shared informer of a kind: the first call makes it with its options, later ones with equal options get the same. */
  informer(kind: ResourceKind, options: SharedInformerOptions = {}): Informer {
    const { labelSelector, fieldSelector, namespaces, transform, optional } = options;
    const key = JSON.stringify([kind, labelSelector, fieldSelector, namespaces, transform?.name, optional]);
    const existing = this.#informers.get(key);
    if (existing) return existing;
    const onWatchRestart = (resource: string, reason: string) => this.metrics.watchRestarts.inc({ resource, reason });
    const informer = new Informer({ ...options, client: this.client, kind, logger: this.logger, onWatchRestart });
    this.#informers.set(key, informer);
    return informer;
  }

  add(controller: Controller): void {
    this.#controllers.push(controller);
  }

  /** Adds a check to `/readyz`. */
  addReadinessCheck(name: string, check: HealthCheck): void {
    this.#readyz.set(name, check);
  }

  /**
   * Runs until the signal aborts: then controllers end what is in work, the lease is released and `run` resolves.
   * @throws CodedError `leadership_lost`: the process must exit at once; what is in work may not write any more.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    const health = this.#healthServer();
    this.#healthPort = await health.listen();
    this.logger.info({ port: this.#healthPort, instance: this.#options.instance }, "serving health and metrics");
    const informing = [...this.#informers.values()].map((informer) => informer.run(stop.signal));
    try {
      await this.#work(stopped);
    } finally {
      stop.abort();
      await Promise.all(informing);
      await health.close();
      this.client.close();
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const synced = await Promise.all(
      [...this.#informers.values()].map((informer) => informer.waitForSync(signal)),
    ).then(
      () => true,
      () => false,
    );
    if (!synced) return;
    this.logger.info({ informers: this.#informers.size }, "caches are in step with the API server");
    if (!this.#election) return this.#runControllers(signal);
    if (!(await this.#election.acquire(signal))) return;
    const lost = new AbortController();
    const held = new AbortController();
    this.metrics.isLeader.set(1);
    const holding = this.#election.hold(held.signal).catch((error: unknown) => {
      this.metrics.isLeader.set(0);
      lost.abort(error);
      throw error;
    });
    // The lease is held until the last reconcile has ended; on loss nobody waits for them.
    const working = this.#runControllers(AbortSignal.any([signal, lost.signal]));
    await Promise.race([working, holding]);
    held.abort();
    await holding;
    await this.#election.release();
    this.metrics.isLeader.set(0);
  }

  async #runControllers(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#controllers.map((controller) => controller.run(signal, this.logger, this.metrics)));
    await this.events.flush();
  }

  #unreadyInformers(): string | undefined {
    const problems = [...this.#informers.values()].flatMap(({ hasSynced, isStale, kind, staleAfterMs }) => {
      if (!hasSynced) return [`${kind.resource} not listed yet`];
      return isStale ? [`${kind.resource}: nothing heard from the API server for over ${staleAfterMs / 1000} s`] : [];
    });
    return problems.length === 0 ? undefined : problems.join("; ");
  }

  #healthServer(): HealthServer {
    const { registry } = this.metrics;
    return new HealthServer({
      ...this.#options.health,
      livez: this.#livez,
      readyz: this.#readyz,
      registry,
      beforeScrape: () => this.#collect(),
    });
  }

  #collect(): void {
    for (const { name, queueDepth } of this.#controllers) this.metrics.queueDepth.set({ controller: name }, queueDepth);
    const sizes = new Map<string, number>();
    for (const { kind, size } of this.#informers.values())
      sizes.set(kind.resource, (sizes.get(kind.resource) ?? 0) + size);
    for (const [resource, size] of sizes) this.metrics.cachedObjects.set({ resource }, size);
  }
}
