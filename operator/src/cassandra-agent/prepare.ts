import { lookup } from "node:dns/promises";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@chatcluster/foundation/config";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { parse, stringify } from "yaml";
import { CASSANDRA_YAML, JOLOKIA_JAR, JOLOKIA_POLICY, JVM_OPTIONS, RACK_PROPERTIES } from "./paths.ts";
import { jolokiaPolicy } from "./policy.ts";
import { ordinalOf, searchDomain, seedsOf } from "./seeds.ts";
import { PrepareSettings } from "./settings.ts";

/** Milliseconds for which another node is waited for; then the kubelet starts this program again. */
const WAIT_MS = 120_000;
/** A node that is alone has nobody to wait for, so the waits of a start that are meant for a ring are cut. */
const ALONE_OPTIONS = ["-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1000"];

/**
 * Runs before Cassandra in its pod: `/app/cassandra-prepare.mjs` in the operator's image. Makes the node's configuration of the cluster's, and
 * puts Jolokia and its policy beside it, so that any image of Cassandra will do.
 */
async function main(): Promise<void> {
  const settings = loadConfig(PrepareSettings, process.env, "PREPARE_");
  const logger = createLogger("cassandra-prepare", "info");
  const { podName, service, sourceDirectory, targetDirectory } = settings;
  const isFirst = ordinalOf(podName) === 0;
  const domain = `${service}.${searchDomain(await readFile("/etc/resolv.conf", "utf8"))}`;
  const found = await until(
    async () => {
      const seeds = await seedsOf(podName, domain, resolves);
      return seeds.length > 0 || isFirst ? seeds : undefined;
    },
    "another node of the ring",
    WAIT_MS,
    { every: 1_000 },
  );
  // The short name is in the pod's own /etc/hosts before DNS knows it.
  const seeds = found.length > 0 ? found : [podName];
  const yaml = parse(await readFile(join(sourceDirectory, CASSANDRA_YAML), "utf8")) as Record<string, unknown>;
  const provider = {
    class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
    parameters: [{ seeds: seeds.join(",") }],
  };
  const write = (name: string, text: string) => writeFile(join(targetDirectory, name), text);
  await Promise.all([
    write(CASSANDRA_YAML, stringify({ ...yaml, seed_provider: [provider] })),
    copyFile(join(sourceDirectory, RACK_PROPERTIES), join(targetDirectory, RACK_PROPERTIES)),
    write(JVM_OPTIONS, found.length > 0 ? "" : `${ALONE_OPTIONS.join("\n")}\n`),
    copyFile(settings.jolokiaJar, join(targetDirectory, JOLOKIA_JAR)),
    write(JOLOKIA_POLICY, jolokiaPolicy()),
  ]);
  logger.info({ seeds }, "the node's configuration is made");
}

/** @throws what DNS failed with, unless it is that there is no such name */
async function resolves(name: string): Promise<boolean> {
  try {
    // With the dot at its end it is looked up as it is, and the answer "no such name" is the cluster's own.
    await lookup(`${name}.`);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTFOUND") return false;
    throw error;
  }
}

await main().catch((error: unknown) => {
  createLogger("cassandra-prepare", "fatal").fatal({ err: error }, "the node cannot be prepared");
  process.exitCode = 1;
});
