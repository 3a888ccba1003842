import type { Logger } from "@chatcluster/foundation/logger";
import type { Endpoint } from "./endpoints.ts";
import type { AgentMetrics } from "./metrics.ts";
import { type Action, planServers } from "./plan.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { parseServers } from "./server-table.ts";

export interface ReconcilerOptions {
  readonly api: RuntimeApi;
  readonly backend: string;
  readonly checkPort: number;
  readonly retireSeconds: number;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs?: () => number;
}

/** Makes HAProxy's servers those of the endpoints, one pass a call. All that it remembers is since when a server is leaving. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #now: () => number;
  readonly #leavingSince = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#now = options.monotonicMs ?? (() => performance.now());
  }

  /** @returns whether servers are still leaving. @throws CodedError of RuntimeApi: what was not done is done by the next pass. */
  async reconcile(endpoints: readonly Endpoint[]): Promise<boolean> {
    const { api, backend, metrics } = this.#options;
    const state = await api.showServersState(backend);
    const servers = parseServers(state, await api.showServersConnections(backend));
    metrics.show(servers);
    const { actions, retiring } = planServers({ endpoints, servers, isOverdue: (name) => this.#isOverdue(name) });
    this.#remember(retiring);
    for (const action of actions) await this.#apply(action);
    return retiring.length > 0;
  }

  #isOverdue(name: string): boolean {
    const since = this.#leavingSince.get(name);
    return since !== undefined && this.#now() - since >= this.#options.retireSeconds * 1000;
  }

  #remember(retiring: readonly string[]): void {
    for (const name of this.#leavingSince.keys()) if (!retiring.includes(name)) this.#leavingSince.delete(name);
    for (const name of retiring) if (!this.#leavingSince.has(name)) this.#leavingSince.set(name, this.#now());
  }

  async #apply(action: Action): Promise<void> {
    const { api, backend, checkPort, logger } = this.#options;
    const { name } = action;
    switch (action.type) {
      case "add": {
        const { address, port } = action.endpoint;
        await api.addServer(backend, { name, address, port, id: action.id, checkPort });
        logger.info({ server: name, id: action.id, address, port }, "server added");
        return;
      }
      case "set-state":
        await api.setState(backend, name, action.state);
        logger.info({ server: name, state: action.state }, "server state set");
        return;
      case "enable-health":
        return api.enableHealth(backend, name);
      case "shutdown-sessions":
        await api.shutdownSessions(backend, name);
        logger.warn({ server: name }, "sessions of a server that has gone were ended");
        return;
      case "delete":
        if (await api.deleteServer(backend, name)) logger.info({ server: name }, "server deleted");
    }
  }
}
