import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { COLD, cacheDirectory, missingOnMachine, WARM } from "../tools/index.ts";
import { readClusterRecord } from "./cluster-record.ts";
import { statePaths } from "./layout.ts";
import { runningProcess } from "./managed-process.ts";
import type { ClusterSettings } from "./settings.ts";
import type { WayInPorts } from "./way-in.ts";

/** What is compiled for a cluster and its ChatCluster; an entry of the cache is named after it. */
const COMPILED = ["kubernetes", "containerd", "coredns", "helm"];

/**
 * Checks all that a cluster needs of the machine before anything is started.
 *
 * @throws CodedError `machine_unfit`, which names all that is missing
 */
export async function preflight(settings: ClusterSettings, ports: WayInPorts): Promise<void> {
  const missing = await missingOnMachine(isCompiled() ? WARM : COLD);
  for (const port of await takenPorts(settings, ports))
    missing.push(
      `port ${port} on 127.0.0.1: another program listens there; end it, or choose another with --api-port or --ingress-port`,
    );
  if (missing.length > 0)
    throw new CodedError("machine_unfit", `this machine lacks:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
}

function isCompiled(): boolean {
  const folder = join(cacheDirectory(), "go");
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  return COMPILED.every((name) => entries.some((entry) => new RegExp(`^${name}-[0-9a-f]+$`).test(entry)));
}

/** Those of the ports that another program than this cluster's way in listens on. */
export async function takenPorts(settings: ClusterSettings, ports: WayInPorts): Promise<number[]> {
  const record = readClusterRecord(settings);
  const own = record && runningProcess(statePaths(settings), "way-in") ? Object.values(record.ports) : [];
  const wanted = Object.values(ports).filter((port) => !own.includes(port));
  const free = await Promise.all(wanted.map(isFree));
  return wanted.filter((_, i) => !free[i]);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
