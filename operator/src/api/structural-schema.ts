/**
 * A TypeBox schema as the structural schema of a CustomResourceDefinition:
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */

type JsonSchema = { readonly [key: string]: unknown };

/** Keywords that mean the same in JSON Schema and in OpenAPI v3. */
const KEPT = [
  "type",
  "description",
  "default",
  "format",
  "enum",
  "pattern",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "maxProperties",
] as const;

/**
 * Translates `schema`. A property with a default is not required in the result, since the API server fills it in before it validates;
 * a union of texts becomes an `enum`. What an API server would refuse, or could not explain (a property without a description), throws.
 *
 * @param path where the schema stands, for the message of what is thrown
 */
export function structuralSchema(schema: JsonSchema, path: string): Record<string, unknown> {
  if (schema["x-kubernetes-int-or-string"] === true) return { ...schema };
  const literals = enumOf(schema);
  if (literals) return { ...kept(schema), type: "string", enum: literals, ...extensions(schema) };
  if (typeof schema.type !== "string") throw new TypeError(`${path}: a structural schema needs a type here`);
  if (typeof schema.description !== "string") throw new TypeError(`${path}: has no description`);
  const structural: Structural = { ...kept(schema), ...extensions(schema), ...children(schema, path) };
  // The API server checks a default against the CEL rules as it stands, before it fills in the fields below it.
  if (structural.properties && structural.default !== undefined) structural.default = fullDefault(structural);
  return structural;
}

type Structural = Record<string, unknown> & { default?: unknown; properties?: Record<string, Structural> };

/** The default of an object with the defaults of its fields in it. */
function fullDefault({ default: own, properties = {} }: Structural): Record<string, unknown> {
  const fields = Object.entries(properties).filter(([, field]) => field.default !== undefined);
  return { ...Object.fromEntries(fields.map(([name, field]) => [name, field.default])), ...(own as object) };
}

function kept(schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(KEPT.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]));
}

function extensions(schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key.startsWith("x-kubernetes-")));
}

function enumOf(schema: JsonSchema): string[] | undefined {
  if (!Array.isArray(schema.anyOf)) return undefined;
  const values = (schema.anyOf as JsonSchema[]).map((each) => each.const);
  return values.every((value) => typeof value === "string") ? values : undefined;
}

function children(schema: JsonSchema, path: string): Record<string, unknown> {
  if (schema.type === "array") return { items: structuralSchema(schema.items as JsonSchema, `${path}[]`) };
  if (schema.type !== "object") return {};
  const patterns = Object.values((schema.patternProperties as Record<string, JsonSchema> | undefined) ?? {});
  if (patterns[0]) return { additionalProperties: structuralSchema(patterns[0], `${path}.*`) };
  const properties = (schema.properties as Record<string, JsonSchema> | undefined) ?? {};
  const required = ((schema.required as string[] | undefined) ?? []).filter(
    (name) => properties[name]?.default === undefined,
  );
  return {
    ...(Object.keys(properties).length > 0 && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, each]) => [name, structuralSchema(each, `${path}.${name}`)]),
      ),
    }),
    ...(required.length > 0 && { required }),
  };
}
