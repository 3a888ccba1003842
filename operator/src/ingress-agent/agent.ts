import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { KubernetesObject } from "../runtime/object.ts";
import { Workqueue } from "../runtime/workqueue.ts";
import type { CertificateReloader } from "./certificate-reloader.ts";
import { endpointsOf } from "./endpoints.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { Reconciler } from "./reconciler.ts";

/** Where the EndpointSlices come from: an Informer, or a test's own. */
export interface SliceSource {
  readonly hasSynced: boolean;
  list(): KubernetesObject[];
  addHandler(handler: { added(): void; updated(): void; deleted(): void }): void;
}

export interface AgentOptions {
  readonly slices: SliceSource;
  readonly reconciler: Reconciler;
  readonly portName: string;
  /** Where HAProxy serves TLS. */
  readonly certificate?: Pick<CertificateReloader, "reload">;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
}

/** Between two looks at HAProxy without an event: so long may a restarted HAProxy be without servers. */
const POLL_MS = 1_000;
/** Without a good pass for so long, the agent is not ready: HAProxy may be empty or out of date. */
const STALE_MS = 10_000;
/** The queue's one item: what is coalesced is the wish to look. */
const LOOK = "servers";

/** Looks at the EndpointSlices and at HAProxy after every event, and every second, and makes the second follow the first. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #queue = new Workqueue<string>({ backoff: { baseMs: 100, capMs: 2_000, jitter: 0.25 } });
  #goodPassAt: number | undefined;
  #problem: string | undefined = "servers not synchronised yet";

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** For `/readyz`: what keeps HAProxy from having the right servers, if anything. */
  get problem(): string | undefined {
    if (this.#problem === undefined && performance.now() - (this.#goodPassAt ?? 0) > STALE_MS) {
      return `no look at HAProxy for ${STALE_MS / 1000} s`;
    }
    return this.#problem;
  }

  /** Runs until the signal aborts; then ends after the pass that is under way. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    const look = () => this.#queue.add(LOOK);
    this.#options.slices.addHandler({ added: look, updated: look, deleted: look });
    const stop = () => void this.#queue.shutDown();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    look();
    for (let item = await this.#queue.get(); item !== undefined; item = await this.#queue.get()) {
      await this.#pass();
      this.#queue.done(LOOK);
    }
  }

  async #pass(): Promise<void> {
    const { slices, reconciler, portName, metrics, logger } = this.#options;
    // Servers are taken away only on knowledge: before the first list nothing is known.
    if (!slices.hasSynced) {
      this.#problem = "EndpointSlices not listed yet";
      this.#queue.addAfter(LOOK, 100);
      return;
    }
    try {
      await reconciler.reconcile(endpointsOf(slices.list(), portName));
      await this.#options.certificate?.reload();
      metrics.reconciles.inc({ result: "ok" });
      this.#queue.forget(LOOK);
      this.#queue.addAfter(LOOK, POLL_MS);
      if (this.#problem !== undefined) logger.info("HAProxy's servers are in step with the EndpointSlices");
      this.#problem = undefined;
      this.#goodPassAt = performance.now();
    } catch (error) {
      metrics.reconciles.inc({ result: error instanceof CodedError ? error.code : "error" });
      const problem = messageOf(error);
      // The same trouble every two seconds is one line, not thousands.
      if (problem !== this.#problem) logger.error({ err: error }, problem);
      this.#problem = problem;
      this.#queue.addRateLimited(LOOK);
    }
  }
}
