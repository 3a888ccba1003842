import type { Static, TObject, TProperties } from "typebox";
import { Value } from "typebox/value";
import { CodedError } from "./errors.ts";

/** Environment variables as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a program's whole configuration from the environment, once, at its start.
 *
 * A property `drainSeconds` of `schema` is read from `${prefix}DRAIN_SECONDS`. Texts are converted to the property's type, absent and
 * empty ones take the schema's default. Everything that is wrong is reported together, each by the variable's name.
 *
 * @throws CodedError `invalid_configuration`, whose message has a line for each wrong variable and never shows a value.
 */
export function loadConfig<Properties extends TProperties>(
  schema: TObject<Properties>,
  env: Environment,
  prefix: string,
): Static<TObject<Properties>> {
  const raw: Record<string, string> = {};
  for (const property of Object.keys(schema.properties)) {
    const text = env[variableName(prefix, property)];
    if (text !== undefined && text !== "") raw[property] = text;
  }
  const value = Value.Convert(schema, Value.Default(schema, raw));
  if (Value.Check(schema, value)) return value as Static<TObject<Properties>>;
  throw new CodedError(
    "invalid_configuration",
    `invalid configuration:\n${describe(schema, value, prefix).join("\n")}`,
  );
}

/** `drainSeconds` with prefix `CHAT_` is `CHAT_DRAIN_SECONDS`. */
export function variableName(prefix: string, property: string): string {
  return prefix + property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function describe(schema: TObject, value: unknown, prefix: string): string[] {
  const lines = new Map<string, string>();
  for (const error of Value.Errors(schema, value)) {
    const missing = error.keyword === "required" ? error.params.requiredProperties : undefined;
    const properties = missing ?? [error.instancePath.split("/")[1] ?? ""];
    for (const property of properties) {
      const problem = missing ? "is required" : error.message;
      if (!lines.has(property))
        lines.set(property, `  ${variableName(prefix, property)} ${problem}${hint(schema, property)}`);
    }
  }
  return [...lines.values()];
}

function hint(schema: TObject, property: string): string {
  const { description } = (schema.properties[property] ?? {}) as { description?: string };
  return description ? ` (${description})` : "";
}
