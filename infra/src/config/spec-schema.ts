import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Errors } from "typebox/schema";

/** Folder of the Helm charts, of which this program installs the operator's. */
export const CHARTS = join(import.meta.dirname, "../../../charts");

interface ValuesSchema {
  readonly properties: { readonly spec: Record<string, unknown> };
}

/**
 * What is wrong with the spec of a ChatCluster, each as `.path message`; empty if nothing. The schema is that of the `chatcluster` chart,
 * which is made of the CustomResourceDefinition.
 */
export function specProblems(spec: unknown): string[] {
  const { properties } = JSON.parse(
    readFileSync(join(CHARTS, "chatcluster/values.schema.json"), "utf8"),
  ) as ValuesSchema;
  const [, errors] = Errors(properties.spec, spec);
  const problems = new Set<string>();
  for (const error of errors) {
    const at = error.instancePath.replaceAll("/", ".");
    if (error.keyword === "additionalProperties")
      for (const name of error.params.additionalProperties) problems.add(`${at}.${name} is unknown`);
    else if (error.keyword !== "boolean") problems.add(`${at} ${error.message}`);
  }
  return [...problems];
}
