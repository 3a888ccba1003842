import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { CHARTS } from "./generated-files.ts";

const FREE_FORM = new Set(["resources"]);

function paths(values: object, prefix = ""): string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const path = prefix + key;
    const empty = typeof value !== "object" || value === null || Object.keys(value).length === 0;
    return empty || Array.isArray(value) || FREE_FORM.has(path) ? [path] : paths(value, `${path}.`);
  });
}

test("the operator chart's README and schema have every value of values.yaml", () => {
  const folder = join(CHARTS, "chatcluster-operator");
  const values = parse(readFileSync(join(folder, "values.yaml"), "utf8")) as object;
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const schema = JSON.parse(readFileSync(join(folder, "values.schema.json"), "utf8")) as Schema;
  const short = (path: string) => path.slice(path.lastIndexOf("."));
  const all = paths(values);
  assert.ok(all.length > 30);
  assert.deepEqual(
    all.filter((path) => !readme.includes(`\`${path}\``) && !readme.includes(`\`${short(path)}\``)),
    [],
  );
  assert.deepEqual(
    all.filter((path) => !inSchema(schema, path.split("."))),
    [],
  );
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

function inSchema(schema: Schema | undefined, [first, ...rest]: string[]): boolean {
  if (first === undefined) return schema !== undefined;
  return inSchema(schema?.properties?.[first], rest);
}
