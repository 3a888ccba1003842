import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CodedError } from "@chatcluster/foundation/errors";

export type Release = {
  name: string;
  /** Path of the chart. */
  chart: string;
  namespace: string;
  /** Files of values, below `values`. */
  valueFiles?: readonly string[];
  values: unknown;
  /** Whether to wait until the release's own Deployments are available. */
  wait: boolean;
};

/** The arguments with which Helm installs a release or brings it to what the chart and values say now. */
export function upgradeArguments(release: Release): string[] {
  return [
    "upgrade",
    release.name,
    release.chart,
    "--install",
    "--namespace",
    release.namespace,
    "--create-namespace",
    ...(release.valueFiles ?? []).flatMap((file) => ["--values", file]),
    "--values",
    "-",
    ...(release.wait ? ["--wait", "--timeout", "5m"] : []),
  ];
}

/**
 * Runs `helm upgrade --install`, with Helm's own folders in `state`.
 *
 * @throws CodedError `helm_failed` with what it said
 */
export async function upgradeRelease(helm: string, kubeconfig: string, state: string, release: Release): Promise<void> {
  const folder = (name: string) => join(state, "helm", name);
  const child = spawn(helm, upgradeArguments(release), {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: kubeconfig,
      // Where Helm's Kubernetes client keeps what it has learned of the API; without one it is the current folder.
      HOME: folder("home"),
      HELM_CACHE_HOME: folder("cache"),
      HELM_CONFIG_HOME: folder("config"),
      HELM_DATA_HOME: folder("data"),
    },
    stdio: ["pipe", "ignore", "pipe"],
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", (cause) => reject(new CodedError("helm_failed", `cannot start ${helm}`, { cause })));
    child.once("close", (code, signal) => resolve(signal ?? String(code)));
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(JSON.stringify(release.values));
  const [status, errors] = await Promise.all([ended, text(child.stderr)]);
  if (status !== "0")
    throw new CodedError("helm_failed", `helm upgrade ${release.name}: ${errors.trim() || `ended with ${status}`}`);
}
