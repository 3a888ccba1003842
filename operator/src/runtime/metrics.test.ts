import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Registry } from "prom-client";
import { RuntimeMetrics } from "./metrics.ts";

test("every metric is in the operator's README, with its labels", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const documented = [...readme.matchAll(/^\| `(\w+)(?:\{([\w,]+)\})?` \|/gm)].map(
    ([, name, labels = ""]) => `${name} ${labels}`,
  );
  const metrics = Object.values(new RuntimeMetrics(new Registry())).filter((each) => "labelNames" in each);
  const existing = (metrics as unknown as { name: string; labelNames: string[] }[]).map(
    ({ name, labelNames }) => `${name} ${labelNames.join(",")}`,
  );
  assert.ok(existing.length > 8);
  assert.deepEqual(
    existing.filter((each) => !documented.includes(each)),
    [],
  );
});
