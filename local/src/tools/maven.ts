import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "./command.ts";

const POM = join(import.meta.dirname, "..", "..", "cassandra", "pom.xml");

/** Copies Cassandra's jars and those it depends on into the cache, at the version that local/cassandra/pom.xml pins. */
export async function cassandraJars(progress: Progress): Promise<string> {
  const key = contentKey(await readFile(POM));
  return cacheEntry(`cassandra/jars-${key}`, progress, async (target) => {
    progress("mvn dependency:copy-dependencies (Cassandra)");
    const options = [
      "-B",
      "-q",
      "-Dstyle.color=never",
      "-f",
      POM,
      `-DoutputDirectory=${target}`,
      "-DincludeScope=runtime",
    ];
    await runCommand("mvn", [...options, "dependency:copy-dependencies"], { onLine: progress });
  });
}
