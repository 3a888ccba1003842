import { Counter, Gauge, type Registry } from "prom-client";
import type { HaproxyServer } from "./server-table.ts";

/** The agent's own metrics; HAProxy's are on its own port. */
export class AgentMetrics {
  readonly registry: Registry;
  readonly reconciles: Counter<"result">;
  readonly commands: Counter<"command" | "result">;
  readonly watchRestarts: Counter<"reason">;
  readonly certificateReloads: Counter<"result">;
  readonly certificateEnd: Gauge;
  readonly #servers: Gauge<"state">;
  readonly #connections: Gauge<"server">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.registry = registry;
    this.reconciles = new Counter({
      name: "chatcluster_ingress_reconciles_total",
      help: "Passes over HAProxy's servers, by result: ok or an error's code",
      labelNames: ["result"],
      registers,
    });
    this.commands = new Counter({
      name: "chatcluster_ingress_runtime_commands_total",
      help: "Commands to HAProxy's runtime API, by result: ok or an error's code",
      labelNames: ["command", "result"],
      registers,
    });
    this.watchRestarts = new Counter({
      name: "chatcluster_ingress_watch_restarts_total",
      help: "Ended watches of EndpointSlices by reason",
      labelNames: ["reason"],
      registers,
    });
    this.certificateReloads = new Counter({
      name: "chatcluster_ingress_certificate_reloads_total",
      help: "Certificates given to HAProxy while it ran, by result: ok or an error's code",
      labelNames: ["result"],
      registers,
    });
    this.certificateEnd = new Gauge({
      name: "chatcluster_ingress_certificate_end_timestamp_seconds",
      help: "When the certificate that HAProxy has ends, in seconds since 1970",
      registers,
    });
    this.#servers = new Gauge({
      name: "chatcluster_ingress_servers",
      help: "Servers of the backend by state: ready, drain, maint, and up (those that HAProxy sends to)",
      labelNames: ["state"],
      registers,
    });
    this.#connections = new Gauge({
      name: "chatcluster_ingress_server_connections",
      help: "Connections in use through this HAProxy, by server",
      labelNames: ["server"],
      registers,
    });
  }

  /** What HAProxy has now. */
  show(servers: readonly HaproxyServer[]): void {
    for (const state of ["ready", "drain", "maint"]) {
      this.#servers.set({ state }, servers.filter((server) => server.state === state).length);
    }
    this.#servers.set({ state: "up" }, servers.filter(({ up }) => up).length);
    this.#connections.reset();
    for (const { name, connections } of servers) this.#connections.set({ server: name }, connections);
  }
}
