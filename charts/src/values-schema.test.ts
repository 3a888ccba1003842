import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { CHARTS, CRD_PATH, generatedFiles } from "./generated-files.ts";
import { closed, type JsonSchema, valuesSchema } from "./values-schema.ts";

const crd: unknown = parse(readFileSync(join(CHARTS, CRD_PATH), "utf8"));
const validate = new Ajv({ allErrors: true, strict: false }).compile(valuesSchema(crd, "v1beta1"));

function problems(values: unknown): string[] {
  validate(values);
  return (validate.errors ?? []).map((error) => {
    const property: unknown = error.params.additionalProperty;
    return typeof property === "string"
      ? `${error.instancePath}/${property} unknown`
      : `${error.instancePath} ${error.keyword}`;
  });
}

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the CustomResourceDefinition says (npm run generate -w charts writes it)`, () => {
    assert.deepEqual(JSON.parse(readFileSync(join(CHARTS, path), "utf8")), JSON.parse(text));
  });
}

test("every field of the spec may be set", () => {
  const spec = {
    servers: {
      min: 3,
      max: 9,
      replicas: 4,
      resources: { limits: { cpu: 2, memory: "1Gi" } },
      podTemplate: { spec: { a: 1 } },
    },
    cassandra: { nodes: 3, replicationFactor: 3, storage: { size: "100Gi", storageClassName: "fast" }, heap: "8Gi" },
    auth: { jwksUrl: "https://id.example.org/keys", issuer: "https://id.example.org" },
    images: { pullSecrets: ["registry"] },
  };
  assert.deepEqual(problems({ name: "chat", labels: { team: "a" }, spec }), []);
});

test("a misspelt field is refused at any depth, which the API server would drop without a word", () => {
  assert.deepEqual(problems({ spec: { server: {} } }), ["/spec/server unknown"]);
  assert.deepEqual(problems({ spec: { ingress: { service: { nodeport: 30080 } } } }), [
    "/spec/ingress/service/nodeport unknown",
  ]);
  assert.deepEqual(problems({ spec: {}, server: {} }), ["/server unknown"]);
});

test("an ill-typed or out-of-range value is refused by its place", () => {
  assert.deepEqual(problems({ spec: { servers: { min: "2" } } }), ["/spec/servers/min type"]);
  assert.deepEqual(problems({ spec: { servers: { min: 0 } } }), ["/spec/servers/min minimum"]);
  assert.deepEqual(problems({ spec: { redis: { mode: "sentinels" } } }), ["/spec/redis/mode enum"]);
  assert.deepEqual(problems({ spec: { cassandra: { heap: "much" } } }), ["/spec/cassandra/heap pattern"]);
  assert.deepEqual(problems({ name: "Chat", spec: {} }), ["/name pattern"]);
  assert.deepEqual(problems({}), [" required"]);
});

test("every default that values.yaml repeats is the CustomResourceDefinition's own", () => {
  const versions = (crd as { spec: { versions: { schema: { openAPIV3Schema: JsonSchema } }[] } }).spec.versions;
  const root = versions[0]?.schema.openAPIV3Schema.properties as Record<string, JsonSchema>;
  const values = parse(readFileSync(join(CHARTS, "chatcluster/values.yaml"), "utf8")) as { spec: unknown };
  const differing = leaves(values.spec).filter(([path, value]) => value !== defaultAt(root.spec as JsonSchema, path));
  assert.deepEqual(differing, []);
});

test("a schema that is open by intent stays open", () => {
  assert.deepEqual(closed({ type: "object", "x-kubernetes-preserve-unknown-fields": true }), { type: "object" });
});

test("a CustomResourceDefinition without the version is an error", () => {
  assert.throws(() => valuesSchema(crd, "v9"), /no schema of a v9 spec/);
});

function leaves(value: unknown, path: readonly string[] = []): [readonly string[], unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, [...path, key]));
}

function defaultAt(schema: JsonSchema, path: readonly string[]): unknown {
  const found = path.reduce<JsonSchema | undefined>(
    (each, key) => (each?.properties as Record<string, JsonSchema> | undefined)?.[key],
    schema,
  );
  return found?.default;
}
