import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { valuesSchema } from "./values-schema.ts";

/** The folder of the charts. */
export const CHARTS = join(import.meta.dirname, "..");

/** The CustomResourceDefinition that the operator's chart applies. */
export const CRD_PATH = "chatcluster-operator/files/crds/chatclusters.yaml";

/** What is made of the CustomResourceDefinition: the text of each file, by its path under the charts. */
export function generatedFiles(): Map<string, string> {
  const crd: unknown = parse(readFileSync(join(CHARTS, CRD_PATH), "utf8"));
  return new Map([["chatcluster/values.schema.json", `${JSON.stringify(valuesSchema(crd, "v1beta1"), null, 2)}\n`]]);
}
