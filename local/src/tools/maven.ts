import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "./command.ts";

const PROJECTS = join(import.meta.dirname, "..", "..");

/** Cassandra's jars and those it depends on, at the version that local/cassandra/pom.xml pins. */
export function cassandraJars(progress: Progress): Promise<string> {
  return copyDependencies("cassandra", progress);
}

/** The folder with Jolokia's agent for JVMs, at the version that local/jolokia/pom.xml pins. */
export function jolokiaJars(progress: Progress): Promise<string> {
  return copyDependencies("jolokia", progress);
}

/** Copies what the pom.xml of a folder of local/ depends on into the cache. */
async function copyDependencies(name: "cassandra" | "jolokia", progress: Progress): Promise<string> {
  const pom = join(PROJECTS, name, "pom.xml");
  const key = contentKey(await readFile(pom));
  return cacheEntry(`${name}/jars-${key}`, progress, async (target) => {
    progress(`mvn dependency:copy-dependencies (${name})`);
    const options = [
      "-B",
      "-q",
      "-Dstyle.color=never",
      "-f",
      pom,
      `-DoutputDirectory=${target}`,
      "-DincludeScope=runtime",
    ];
    await runCommand("mvn", [...options, "dependency:copy-dependencies"], { onLine: progress });
  });
}
