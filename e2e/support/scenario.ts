import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { parseAllDocuments } from "yaml";
import { type Cluster, SAMPLE } from "./cluster.ts";
import { difference } from "./contains.ts";

const manifestSchema = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  metadata: Type.Object({ name: Type.String(), namespace: Type.Optional(Type.String()) }),
  spec: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const MINUTE = 60_000;

/**
 * A folder with manifests that are applied and states that are expected, as one would write them for Chainsaw or KUTTL: a reader sees from the files
 * what is done and what comes of it, and the test beside them says when, and under which traffic.
 */
export class Scenario {
  readonly #cluster: Cluster;
  readonly #folder: string;

  /** @param folder `import.meta.dirname` of the test. */
  constructor(cluster: Cluster, folder: string) {
    this.#cluster = cluster;
    this.#folder = folder;
  }

  /** Merges each document of a file into the object that it names; the spec of the sample is the most frequent one. */
  async patch(file: string): Promise<void> {
    for (const { kind, metadata, spec } of await this.#documents(file)) {
      const where = ["-n", metadata.namespace ?? SAMPLE.namespace];
      const patch = JSON.stringify({ spec });
      await this.#cluster.kubectl.run(["patch", kind, metadata.name, ...where, "--type=merge", "-p", patch]);
    }
  }

  /** Waits until each document of a file is part of the object that it names: every field that it has, and for each item of its lists one that has it. */
  async reaches(file: string, within = 5 * MINUTE): Promise<void> {
    for (const expected of await this.#documents(file)) {
      const { kind, metadata } = expected;
      const where = ["-n", metadata.namespace ?? SAMPLE.namespace];
      let last: string | undefined;
      await until(
        async () => {
          last = difference(await this.#cluster.kubectl.json(["get", kind, metadata.name, ...where]), expected);
          return last === undefined;
        },
        `${file}: ${kind} ${metadata.name}`,
        within,
        { every: 250, detail: () => last ?? "" },
      );
    }
  }

  async #documents(file: string) {
    const text = await readFile(join(this.#folder, file), "utf8");
    return parseAllDocuments(text).map((document) => {
      const manifest: unknown = document.toJS({ maxAliasCount: 0 });
      if (Value.Check(manifestSchema, manifest)) return manifest;
      throw new Error(`${file}: a document has no kind, name or apiVersion`);
    });
  }
}
