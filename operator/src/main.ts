/** The operator: watches ChatClusters and brings the cluster to what they ask for. README.md has its configuration and its rights. */
import { loadConfig } from "@chatcluster/foundation/config";
import { messageOf } from "@chatcluster/foundation/errors";
import { createLogger, type Logger } from "@chatcluster/foundation/logger";
import { type OperatorConfig, operatorConfigSchema } from "./controller/config.ts";
import { createManager } from "./controller/operator.ts";
import { loadKubeConfig } from "./runtime/index.ts";

const EXIT_FAILURE = 1;

async function run(config: OperatorConfig, logger: Logger): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      logger.info({ signal }, "stopping");
      stop.abort();
    });
  }
  await createManager(config, loadKubeConfig(), logger).run(stop.signal);
}

function start(): Promise<void> {
  const config = loadConfig(operatorConfigSchema, process.env, "OPERATOR_");
  return run(config, createLogger("chatcluster-operator", config.logLevel));
}

try {
  await start();
  process.exit();
} catch (error) {
  // A leader that lost its lease, or a wrong configuration: end at once, Kubernetes starts it anew.
  createLogger("chatcluster-operator", "info").fatal({ err: error }, messageOf(error));
  process.exit(EXIT_FAILURE);
}
