import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { tool } from "@chatcluster/local/tools";
import { parse, stringify } from "yaml";
import { CHARTS } from "../src/generated-files.ts";
import { template } from "./helm.ts";

const ALERTS = join(CHARTS, "chatcluster-operator", "files", "alerts.yaml");

const folder = mkdtempSync(join(tmpdir(), "alerts-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs promtool in the folder, and returns what it printed. */
async function promtool(...args: string[]): Promise<string> {
  return (await promisify(execFile)(await tool("promtool"), args, { cwd: folder })).stdout;
}

test("Prometheus takes the alerts, each tells what is amiss and is silent when nothing is", async () => {
  copyFileSync(ALERTS, join(folder, "alerts.yaml"));
  copyFileSync(join(import.meta.dirname, "alerts.promtool.yaml"), join(folder, "tests.yaml"));
  assert.match(await promtool("check", "rules", "alerts.yaml"), /SUCCESS/);
  assert.match(await promtool("test", "rules", "tests.yaml"), /SUCCESS/);
});

test("the chart's PrometheusRule is these alerts, word for word, and is there only when asked for", async () => {
  const rulesOf = async (values: object) =>
    (await template("chatcluster-operator", { metrics: values })).filter(({ kind }) => kind === "PrometheusRule");
  assert.deepEqual(await rulesOf({}), []);
  const [rule] = await rulesOf({ prometheusRule: { enabled: true, labels: { release: "prometheus" } } });
  assert.equal(rule?.metadata.labels?.release, "prometheus");
  assert.deepEqual((rule as { spec?: unknown } | undefined)?.spec, parse(readFileSync(ALERTS, "utf8")));
});

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

/** Where the programs name their metrics. */
const SOURCES = [
  "chat-server/src/admin/metrics.ts",
  "chat-server/src/push/push-metrics.ts",
  "operator/src/controller/condition-metrics.ts",
  "operator/src/ingress-agent/metrics.ts",
];

test("Prometheus takes every expression of the dashboard, and each metric in it is one that a program has", async () => {
  const file = join(CHARTS, "chatcluster-operator", "files", "dashboard.json");
  const { panels } = JSON.parse(readFileSync(file, "utf8")) as Dashboard;
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(expressions.length > 10);
  const known = SOURCES.map((source) => readFileSync(join(CHARTS, "..", source), "utf8")).join("\n");
  for (const [name] of expressions.join("\n").matchAll(/\b(chat|chatcluster)_\w+(?=[{[])/g))
    assert.ok(known.includes(`"${name.replace(/_bucket$/, "")}"`), `no program has ${name}`);
  const rules = expressions.map((expr, index) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll("$__rate_interval", "5m"),
  }));
  writeFileSync(join(folder, "dashboard.yaml"), stringify({ groups: [{ name: "dashboard", rules }] }));
  assert.match(await promtool("check", "rules", "dashboard.yaml"), new RegExp(`SUCCESS: ${rules.length} rules`));
});

test("the chart's dashboard is the file, word for word, and is there only when asked for", async () => {
  const mapsOf = async (values: object) =>
    (await template("chatcluster-operator", { metrics: values })).filter(({ kind }) => kind === "ConfigMap");
  assert.deepEqual(await mapsOf({}), []);
  const [map] = await mapsOf({ dashboard: { enabled: true } });
  assert.equal(map?.metadata.labels?.grafana_dashboard, "1");
  const { data } = map as unknown as { data: Record<string, string> };
  const file = join(CHARTS, "chatcluster-operator", "files", "dashboard.json");
  assert.deepEqual(JSON.parse(data["chatcluster.json"] ?? ""), JSON.parse(readFileSync(file, "utf8")));
});
