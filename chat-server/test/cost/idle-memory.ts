import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "@chatcluster/foundation/until";
import { ChildServer } from "../support/child-server.ts";
import { metric, readiness, type Variables } from "../support/test-server.ts";
import { Generator } from "./generator.ts";
import type { IdleOptions } from "./idle-generator.ts";

/** Connections that come and go before the first measurement, so that code is compiled and drivers have what they keep. */
const WARM_UP = 300;
/** So long they are idle before they are measured: through a renewal of all registrations, and the first pings. */
const IDLE_MS = 20_000;
/** A moment without work, after the warm-up. */
const SETTLE_MS = 3_000;

export interface IdleMemory {
  readonly connections: number;
  /** Bytes of RSS (proc(5), VmRSS) of the server without connections, warm, and with them. */
  readonly before: number;
  readonly after: number;
  /** KiB of RSS for each connection. */
  readonly perConnection: number;
  /** The same of the JavaScript heap in use, garbage that was not collected yet among it, and of what lies outside it. */
  readonly heap: number;
  readonly external: number;
}

/** What idle, signed-in connections cost a server process in memory: with them, less without any, by their number. */
export async function measureIdleMemory(variables: Variables, connections: number): Promise<IdleMemory> {
  const server = await ChildServer.start({ CHAT_MAX_CONNECTIONS: "20000", ...variables });
  const { port } = server;
  const connect = (options: Omit<IdleOptions, "port">) => Generator.start("idle-generator.ts", { port, ...options });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => server.kill());
  await until(async () => (await readiness(server)).status === 200, "readiness", 30_000);
  const warmUp = await connect({ first: connections, count: WARM_UP });
  await warmUp.stop();
  await until(async () => (await metric(server, "chat_open_connections")) === 0, "the end of the warm-up");
  await delay(SETTLE_MS);
  const before = await residentBytes(server.pid);
  const heapBefore = await heapOf(server);
  const idle = await connect({ first: 0, count: connections });
  cleanup.defer(() => idle.stop());
  await delay(IDLE_MS);
  const open = await metric(server, "chat_open_connections");
  if (open !== connections) throw new Error(`${open} connections are open, not ${connections}`);
  const after = await residentBytes(server.pid);
  const heapAfter = await heapOf(server);
  const each = (more: number, less: number) => (more - less) / connections / 1024;
  return {
    connections,
    before,
    after,
    perConnection: each(after, before),
    heap: each(heapAfter.used, heapBefore.used),
    external: each(heapAfter.external, heapBefore.external),
  };
}

async function heapOf(server: { adminPort: number }): Promise<{ used: number; external: number }> {
  return {
    used: await metric(server, "nodejs_heap_size_used_bytes"),
    external: await metric(server, "nodejs_external_memory_bytes"),
  };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kibibytes) * 1024;
}
