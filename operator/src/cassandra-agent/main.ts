import { join } from "node:path";
import { loadConfig } from "@chatcluster/foundation/config";
import { messageOf } from "@chatcluster/foundation/errors";
import { createLogger } from "@chatcluster/foundation/logger";
import { AgentApi } from "./api-server.ts";
import { httpCassandraAgentClient } from "./client.ts";
import { Jolokia } from "./jolokia.ts";
import { NodeOperations } from "./node-operations.ts";
import { NodeRestore } from "./node-restore.ts";
import { NodeSnapshots } from "./node-snapshots.ts";
import { CASSANDRA_DATA_DIRECTORY, RESTORE_FOLDER } from "./paths.ts";
import { notUpAndNormal, peersToAsk } from "./readiness.ts";
import { CassandraAgentSettings } from "./settings.ts";

/** So many other nodes are asked how they see this one. */
const PEERS_ASKED = 3;

/** The program beside each Cassandra: `/app/cassandra-agent.mjs` in the operator's image. */
async function main(): Promise<void> {
  const settings = loadConfig(CassandraAgentSettings, process.env, "AGENT_");
  const logger = createLogger("cassandra-agent", settings.logLevel);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());

  const jolokia = new Jolokia(settings.jolokiaUrl);
  const { dataDirectory, host, port, token, peerPort } = settings;
  const operations = new NodeOperations({ jolokia, dataDirectory, logger, signal: stop.signal });
  const snapshots = new NodeSnapshots({ jolokia, dataDirectory, logger, signal: stop.signal });
  const { snapshotStore: store, snapshotStorePort, restoreDirectory } = settings;
  const restore =
    store === undefined
      ? undefined
      : new NodeRestore({
          jolokia,
          store: {
            name: "the store of the snapshots",
            code: "snapshot_store",
            host: store,
            port: snapshotStorePort,
            token,
          },
          directory: restoreDirectory,
          directoryOfCassandra: join(CASSANDRA_DATA_DIRECTORY, RESTORE_FOLDER),
          logger,
          signal: stop.signal,
        });
  let last: string | undefined = "not asked yet";

  async function readiness(signal: AbortSignal): Promise<string | undefined> {
    const own = await operations.view(signal);
    const asked = peersToAsk(own, PEERS_ASKED).map((ip) =>
      httpCassandraAgentClient.node({ pod: ip, ip, port: peerPort }, token, signal),
    );
    // A node whose agent is away, or older than this one, is no witness against it.
    const answered = (await Promise.allSettled(asked)).flatMap((each) =>
      each.status === "fulfilled" ? [each.value] : [],
    );
    return notUpAndNormal(own, answered);
  }

  const api = new AgentApi({
    host,
    port,
    token,
    operations,
    snapshots,
    restore,
    async readiness(signal) {
      const problem = await readiness(signal).catch(messageOf);
      if (problem !== last) logger.info(problem === undefined ? "up and normal" : `not ready: ${problem}`);
      last = problem;
      return problem;
    },
  });
  logger.info({ port: await api.listen() }, "listening");
  await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
  await api.close();
  logger.info("stopped");
}

await main().catch((error: unknown) => {
  createLogger("cassandra-agent", "fatal").fatal({ err: error }, "the agent ends");
  process.exitCode = 1;
});
