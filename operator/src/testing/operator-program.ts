import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";

const PROGRAM = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Requests that change something. */
const WRITES = new Set(["create", "update", "apply", "patch", "delete"]);

/** One sample of the operator's metrics: `kubernetes_api_calls_total{verb="list",…} 3`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The operator as a process of its own, as in its pod. */
export interface OperatorProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it logged, a JSON object a line. */
  readonly lines: readonly Record<string, unknown>[];
  metrics(): Promise<Sample[]>;
  /** Requests by `verb resource`, without watches, which end and begin by themselves, and those for the Lease. */
  requests(): Promise<Map<string, number>>;
  /** Those of them that wrote. */
  writes(): Promise<Map<string, number>>;
  /** Resident memory now and at its highest, in bytes. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  /** CPU time so far, in seconds. */
  cpuSeconds(): Promise<number>;
}

/**
 * Starts the operator's program with a kubeconfig and waits until it serves its metrics. Disposing ends it by SIGTERM.
 *
 * @param env is added to its environment
 * @param program is run in the place of `main.ts`
 */
export async function startOperatorProgram(
  kubeconfigFile: string,
  env: Readonly<Record<string, string>> = {},
  program = PROGRAM,
): Promise<OperatorProgram> {
  const child = spawn(process.execPath, [program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      KUBECONFIG: kubeconfigFile,
      OPERATOR_NAMESPACE: "default",
      OPERATOR_HEALTH_HOST: "127.0.0.1",
      OPERATOR_HEALTH_PORT: "0",
      OPERATOR_IMAGE_CHAT_SERVER: "chatcluster/chat-server:test",
      OPERATOR_IMAGE_INGRESS_AGENT: "chatcluster/operator:test",
      ...env,
    },
  });
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line) as (typeof lines)[number]));
  const ended = () => {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the operator ended while it started: ${JSON.stringify(lines.at(-1))}`);
  };
  const { port } = await until(() => {
    const line = lines.find(({ msg }) => msg === "serving health and metrics");
    if (!line) ended();
    return line;
  }, "the operator to listen");
  const requests = async () => {
    const counts = new Map<string, number>();
    for (const { name, labels, value } of await metrics()) {
      const { verb = "", resource = "" } = labels;
      if (name !== "kubernetes_api_calls_total" || verb === "watch" || resource === "leases") continue;
      counts.set(`${verb} ${resource}`, (counts.get(`${verb} ${resource}`) ?? 0) + value);
    }
    return counts;
  };
  const metrics = async () => parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  return {
    child,
    lines,
    metrics,
    requests,
    async writes() {
      return new Map([...(await requests())].filter(([call]) => WRITES.has(call.split(" ")[0] ?? "")));
    },
    async memory() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      const bytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
      return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
    },
    async cpuSeconds() {
      // proc_pid_stat(5): utime and stime are the 14th and 15th field, in ticks of 10 ms; the name before may hold spaces.
      const fields = (await readFile(`/proc/${child.pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** The samples of Prometheus' text format, histograms' and all. */
function parseMetrics(text: string): Sample[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value]) => ({
    name,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text])),
    value: Number(value),
  }));
}
