/**
 * The values schema of the `chatcluster` chart, made of the CustomResourceDefinition: Helm then refuses, before anything is sent, what
 * the API server would refuse or silently drop (a misspelt field). https://helm.sh/docs/topics/charts/#schema-files
 */

export type JsonSchema = { readonly [key: string]: unknown };

/** Keywords of a structural schema that mean the same in JSON Schema draft 7. `default` stays out: the API server fills it in. */
const KEPT = [
  "type",
  "description",
  "enum",
  "pattern",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
] as const;

const TEXTS_BY_KEY = { type: "object", additionalProperties: { type: "string" } };

/**
 * The schema of the chart's values.
 *
 * @throws TypeError if `crd` has no schema of a spec for `version`
 */
export function valuesSchema(crd: unknown, version: string): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chatcluster chart",
    type: "object",
    additionalProperties: false,
    required: ["spec"],
    properties: {
      global: { type: "object", description: "Values shared with a parent chart; this chart reads none." },
      name: {
        type: "string",
        pattern: "^([a-z]([-a-z0-9]*[a-z0-9])?)?$",
        maxLength: 40,
        description: "Name of the ChatCluster; empty is the release's name.",
      },
      labels: { ...TEXTS_BY_KEY, description: "Labels of the ChatCluster, besides the chart's own." },
      annotations: { ...TEXTS_BY_KEY, description: "Annotations of the ChatCluster." },
      spec: closed(specOf(crd, version)),
    },
  };
}

/** `structural` in JSON Schema, with no properties but those that are named: the API server would prune the others without a word. */
export function closed(structural: JsonSchema): JsonSchema {
  const kept = Object.fromEntries(KEPT.filter((key) => key in structural).map((key) => [key, structural[key]]));
  if (structural["x-kubernetes-int-or-string"] === true) return { ...kept, type: ["integer", "string"] };
  if (structural.type === "array") return { ...kept, items: closed(structural.items as JsonSchema) };
  if (structural.type !== "object" || structural["x-kubernetes-preserve-unknown-fields"] === true) return kept;
  if (structural.additionalProperties !== undefined)
    return { ...kept, additionalProperties: closed(structural.additionalProperties as JsonSchema) };
  const properties = Object.entries((structural.properties ?? {}) as Record<string, JsonSchema>);
  return {
    ...kept,
    additionalProperties: false,
    ...(structural.required !== undefined && { required: structural.required }),
    properties: Object.fromEntries(properties.map(([name, each]) => [name, closed(each)])),
  };
}

function specOf(crd: unknown, version: string): JsonSchema {
  const { spec } = crd as { spec?: { versions?: { name: string; schema?: { openAPIV3Schema?: JsonSchema } }[] } };
  const root = spec?.versions?.find((each) => each.name === version)?.schema?.openAPIV3Schema;
  const found = (root?.properties as Record<string, JsonSchema> | undefined)?.spec;
  if (found === undefined) throw new TypeError(`the CustomResourceDefinition has no schema of a ${version} spec`);
  return found;
}
