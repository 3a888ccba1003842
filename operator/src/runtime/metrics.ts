import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Call } from "./client.ts";

/** The runtime's own metrics, under the names that dashboards for controller-runtime use where there is one. */
export class RuntimeMetrics {
  readonly registry: Registry;
  readonly reconcileSeconds: Histogram<"controller">;
  readonly reconcileTotal: Counter<"controller" | "result">;
  readonly reconcileErrors: Counter<"controller">;
  readonly activeWorkers: Gauge<"controller">;
  readonly queueDepth: Gauge<"controller">;
  readonly queueRetries: Counter<"controller">;
  readonly apiCalls: Counter<"verb" | "resource" | "status">;
  readonly apiSeconds: Histogram<"verb">;
  readonly watchRestarts: Counter<"resource" | "reason">;
  readonly cachedObjects: Gauge<"resource">;
  readonly eventsDropped: Counter<"reason">;
  readonly isLeader: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.registry = registry;
    this.reconcileSeconds = new Histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "Duration of one reconcile, in seconds",
      labelNames: ["controller"],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
      registers,
    });
    this.reconcileTotal = new Counter({
      name: "controller_runtime_reconcile_total",
      help: "Reconciles by result: success, requeue_after or error",
      labelNames: ["controller", "result"],
      registers,
    });
    this.reconcileErrors = new Counter({
      name: "controller_runtime_reconcile_errors_total",
      help: "Reconciles that failed",
      labelNames: ["controller"],
      registers,
    });
    this.activeWorkers = new Gauge({
      name: "controller_runtime_active_workers",
      help: "Reconciles that run now",
      labelNames: ["controller"],
      registers,
    });
    this.queueDepth = new Gauge({
      name: "workqueue_depth",
      help: "Keys that wait for a worker",
      labelNames: ["controller"],
      registers,
    });
    this.queueRetries = new Counter({
      name: "workqueue_retries_total",
      help: "Keys that were added again with back-off",
      labelNames: ["controller"],
      registers,
    });
    this.apiCalls = new Counter({
      name: "kubernetes_api_calls_total",
      help: "Requests to the API server by verb, resource and HTTP status (2xx are 200, 0 is no reply)",
      labelNames: ["verb", "resource", "status"],
      registers,
    });
    this.apiSeconds = new Histogram({
      name: "kubernetes_api_call_seconds",
      help: "Time until the API server's reply by verb, in seconds; of a watch, until the reply begins",
      labelNames: ["verb"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.watchRestarts = new Counter({
      name: "kubernetes_watch_restarts_total",
      help: "Ended watches by reason: timeout (regular), stale (by the watchdog), gone (410) or error",
      labelNames: ["resource", "reason"],
      registers,
    });
    this.cachedObjects = new Gauge({
      name: "kubernetes_cached_objects",
      help: "Objects in the informers' caches",
      labelNames: ["resource"],
      registers,
    });
    this.eventsDropped = new Counter({
      name: "kubernetes_events_dropped_total",
      help: "Events that were not written, by reason: rate_limit or error",
      labelNames: ["reason"],
      registers,
    });
    this.isLeader = new Gauge({ name: "leader_election_master_status", help: "1 while this process leads", registers });
  }

  /** Takes note of a request to the API server. */
  observeCall({ verb, resource, status, seconds }: Call): void {
    this.apiCalls.inc({ verb, resource, status });
    this.apiSeconds.observe({ verb }, seconds);
  }
}
