import { loadConfig } from "@chatcluster/foundation/config";
import { createLogger } from "@chatcluster/foundation/logger";
import { SnapshotStoreSettings } from "./settings.ts";
import { SnapshotStore } from "./store.ts";

/** Keeps the snapshots of a ChatCluster's Cassandra: `/app/snapshot-store.mjs` in the operator's image. */
async function main(): Promise<void> {
  const { logLevel, ...settings } = loadConfig(SnapshotStoreSettings, process.env, "STORE_");
  const logger = createLogger("snapshot-store", logLevel);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const store = new SnapshotStore({ ...settings, logger, signal: stop.signal });
  logger.info({ port: await store.listen() }, "listening");
  await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
  await store.close();
  logger.info("stopped");
}

await main().catch((error: unknown) => {
  createLogger("snapshot-store", "fatal").fatal({ err: error }, "the store ends");
  process.exitCode = 1;
});
