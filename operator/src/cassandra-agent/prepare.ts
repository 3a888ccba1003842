import { lookup } from "node:dns/promises";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@chatcluster/foundation/config";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { parse, stringify } from "yaml";
import { httpCassandraAgentClient } from "./client.ts";
import { CASSANDRA_YAML, HOST_IDS, JOLOKIA_JAR, JOLOKIA_POLICY, JVM_OPTIONS, RACK_PROPERTIES } from "./paths.ts";
import { jolokiaPolicy } from "./policy.ts";
import { type Replacement, replacementOf } from "./replacement.ts";
import { ordinalOf, searchDomain, seedsOf } from "./seeds.ts";
import { PrepareSettings } from "./settings.ts";

/** Milliseconds for which another node is waited for; then the kubelet starts this program again. */
const WAIT_MS = 120_000;
/** Milliseconds for another node's agent to answer. */
const ASK_MS = 4_000;
const HostIds = Type.Array(Type.String());
/** A node that is alone has nobody to wait for, so the waits of a start that are meant for a ring are cut. */
const ALONE_OPTIONS: readonly string[] = [
  "-Dcassandra.skip_wait_for_gossip_to_settle=0",
  "-Dcassandra.ring_delay_ms=1000",
];

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
  const replacement =
    found.length === 0
      ? undefined
      : await until(() => replaced(settings, found), "who it was", WAIT_MS, { every: 1_000 });
  const options = found.length === 0 ? [...ALONE_OPTIONS] : [];
  if (replacement?.type === "replace") {
    logger.warn(
      { address: replacement.address },
      "the volume is empty: taking the place of the node that this pod was",
    );
    options.push(`-Dcassandra.replace_address_first_boot=${replacement.address}`);
  }
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
    write(JVM_OPTIONS, options.map((option) => `${option}\n`).join("")),
    copyFile(settings.jolokiaJar, join(targetDirectory, JOLOKIA_JAR)),
    write(JOLOKIA_POLICY, jolokiaPolicy()),
  ]);
  logger.info({ seeds }, "the node's configuration is made");
}

/** Undefined while it cannot be decided. */
async function replaced(
  { podName, token, sourceDirectory, dataDirectory }: Static<typeof PrepareSettings>,
  others: readonly string[],
): Promise<Replacement | undefined> {
  const hostIds = Value.Parse(HostIds, JSON.parse(await readFile(join(sourceDirectory, HOST_IDS), "utf8")));
  const known = { hostId: hostIds[ordinalOf(podName)], isEmpty: await isEmpty(join(dataDirectory, "data")) };
  // Who was there before starts with what it has: nobody need answer for that.
  if (known.hostId === undefined || !known.isEmpty) return { type: "none" };
  const asked = others.map((host) =>
    httpCassandraAgentClient.node({ pod: host, ip: host }, token, AbortSignal.timeout(ASK_MS)),
  );
  const views = (await Promise.allSettled(asked)).flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const replacement = replacementOf({ ...known, views });
  return replacement.type === "wait" ? undefined : replacement;
}

async function isEmpty(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
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
