import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { CodedError } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { MAX_NODES, statePaths } from "./layout.ts";
import type { ClusterSettings } from "./settings.ts";

const port = Type.Integer({ minimum: 1, maximum: 65535 });
const schema = Type.Object({
  /** Changes when a cluster of the older kind can't be kept. */
  format: Type.Literal(1),
  provider: Type.Union([Type.Literal("local"), Type.Literal("kind")]),
  nodes: Type.Integer({ minimum: 1, maximum: MAX_NODES }),
  ports: Type.Object({ api: port, ingress: port }),
  /** Whether the cluster once was up; false from the first step on, so that a killed run is seen. */
  complete: Type.Boolean(),
});

/** What was last asked of a cluster. */
export type ClusterRecord = Static<typeof schema>;

/** @returns undefined when there is no cluster, or one of an older format */
export function readClusterRecord(settings: ClusterSettings): ClusterRecord | undefined {
  const file = statePaths(settings).record;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new CodedError("broken_state", `cannot read ${file}; remove it`, { cause: error });
  }
  return Value.Check(schema, value) ? value : undefined;
}

export function writeClusterRecord(settings: ClusterSettings, record: ClusterRecord): void {
  const file = statePaths(settings).record;
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeClusterRecord(settings: ClusterSettings): void {
  rmSync(statePaths(settings).record, { force: true });
}
