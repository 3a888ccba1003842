import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { tools } from "@chatcluster/local/tools";
import { parseAllDocuments } from "yaml";
import { CHARTS } from "../src/generated-files.ts";
import type { Manifest } from "./manifest.ts";

const run = promisify(execFile);

export type ChartName = "chatcluster-operator" | "chatcluster";
export type Values = Readonly<Record<string, unknown>>;

/** Kubernetes that a chart is rendered for where no API server is asked. */
const KUBERNETES = "1.36.0";

const paths = await tools(["helm", "kubectl"]);

/** Runs Helm and returns what it printed; `values` are laid over the chart's own. Rejects with what it wrote to standard error. */
export async function helm(args: readonly string[], values: Values = {}, kubeconfig = "/dev/null"): Promise<string> {
  return runWithInput(paths.helm, [...args, "--kubeconfig", kubeconfig], JSON.stringify(values));
}

export async function lint(chart: ChartName, values: Values = {}): Promise<string> {
  return helm(["lint", "--strict", join(CHARTS, chart), "--kube-version", KUBERNETES, "--values", "-"], values);
}

/** The objects that a chart renders for release `chat` in namespace `chat-system`. */
export async function template(
  chart: ChartName,
  values: Values = {},
  files: readonly string[] = [],
): Promise<Manifest[]> {
  const rendered = await helm(
    [
      ...["template", "chat", join(CHARTS, chart), "--namespace", "chat-system", "--kube-version", KUBERNETES],
      ...files.flatMap((file) => ["--values", join(CHARTS, file)]),
      ...["--values", "-"],
    ],
    values,
  );
  return parseAllDocuments(rendered)
    .map((document) => document.toJS({ maxAliasCount: 0 }) as Manifest | null)
    .filter((each) => each !== null);
}

/** `helm upgrade --install` as `npm run up` does it, without waiting: behind a lone API server nothing becomes ready. */
export async function install(
  chart: ChartName,
  release: string,
  namespace: string,
  kubeconfig: string,
  values: Values = {},
): Promise<string> {
  const args = ["upgrade", "--install", release, join(CHARTS, chart), "--namespace", namespace, "--create-namespace"];
  return helm([...args, "--values", "-"], values, kubeconfig);
}

/** Runs kubectl with the input as standard input. */
export async function kubectl(kubeconfig: string, args: readonly string[], input = ""): Promise<string> {
  return runWithInput(paths.kubectl, ["--kubeconfig", kubeconfig, ...args], input);
}

async function runWithInput(program: string, args: readonly string[], input: string): Promise<string> {
  const running = run(program, [...args], { maxBuffer: 32 * 1024 * 1024 });
  running.child.stdin?.end(input);
  return (await running).stdout;
}
