import { loadConfig } from "@chatcluster/foundation/config";
import { createLogger } from "@chatcluster/foundation/logger";
import { Registry } from "prom-client";
import { Client, loadKubeConfig } from "../runtime/client.ts";
import { HealthServer } from "../runtime/health-server.ts";
import { Informer } from "../runtime/informer.ts";
import { EndpointSlice, Scheme } from "../runtime/scheme.ts";
import { Agent } from "./agent.ts";
import { CertificateReloader } from "./certificate-reloader.ts";
import { SERVICE_LABEL } from "./endpoints.ts";
import { AgentMetrics } from "./metrics.ts";
import { Reconciler } from "./reconciler.ts";
import { RuntimeApi } from "./runtime-api.ts";
import { AgentSettings } from "./settings.ts";

/** The program beside each HAProxy (docs/ingress.md): `/app/ingress-agent.mjs` in the operator's image. */
async function main(): Promise<void> {
  const settings = loadConfig(AgentSettings, process.env, "AGENT_");
  const logger = createLogger("ingress-agent", settings.logLevel);
  const metrics = new AgentMetrics(new Registry());
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());

  const client = new Client({ kubeConfig: loadKubeConfig(), scheme: new Scheme() });
  const slices = new Informer({
    client,
    kind: EndpointSlice,
    logger,
    namespaces: [settings.namespace],
    labelSelector: `${SERVICE_LABEL}=${settings.service}`,
    onWatchRestart: (_resource, reason) => metrics.watchRestarts.inc({ reason }),
  });
  const api = new RuntimeApi({
    socket: settings.socket,
    onCommand: (command, result) => metrics.commands.inc({ command, result }),
  });
  const { backend, certificate: file, checkPort, retireSeconds, portName } = settings;
  const reconciler = new Reconciler({ api, backend, checkPort, retireSeconds, logger, metrics });
  const certificate =
    file === undefined ? {} : { certificate: new CertificateReloader({ api, file, logger, metrics }) };
  const agent = new Agent({ slices, reconciler, portName, logger, metrics, ...certificate });
  const health = new HealthServer({
    host: settings.host,
    port: settings.port,
    // An API server away is no reason to restart: HAProxy goes on with the servers that it has.
    livez: new Map(),
    readyz: new Map([["servers", () => agent.problem]]),
    registry: metrics.registry,
  });
  const port = await health.listen();
  logger.info({ port, service: settings.service, namespace: settings.namespace }, "watching EndpointSlices");
  await Promise.all([slices.run(stop.signal), agent.run(stop.signal)]);
  await health.close();
  logger.info("stopped");
}

await main().catch((error: unknown) => {
  createLogger("ingress-agent", "fatal").fatal({ err: error }, "the agent ends");
  process.exitCode = 1;
});
