import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ChildServer } from "../support/child-server.ts";
import { metric, type Variables } from "../support/test-server.ts";

const GENERATOR = fileURLToPath(new URL("idle-generator.ts", import.meta.url));
/** For what was needed to sign in to be collected; Node's scavenger runs by itself. */
const SETTLE_MS = 3_000;

export interface IdleMemory {
  readonly connections: number;
  /** Bytes of RSS (proc(5), VmRSS) of the server before and with the connections. */
  readonly before: number;
  readonly after: number;
  /** KiB of RSS for each connection. */
  readonly perConnection: number;
  /** The same of the JavaScript heap in use, garbage that was not collected yet among it, and of what lies outside it. */
  readonly heap: number;
  readonly external: number;
}

/** What idle, signed-in connections cost a server process in memory. Warmed up by some that are part of `before`. */
export async function measureIdleMemory(variables: Variables, connections: number): Promise<IdleMemory> {
  const server = await ChildServer.start({ CHAT_MAX_CONNECTIONS: "20000", ...variables });
  const generators: ChildProcess[] = [];
  try {
    // Many: what the young generation grows to while users sign in is paid once, not for each connection.
    const warmUp = Math.ceil(connections / 2);
    generators.push(await generate(server.port, 0, warmUp));
    await delay(SETTLE_MS);
    const before = await residentBytes(server.pid);
    const heapBefore = await heapOf(server);
    generators.push(await generate(server.port, warmUp, connections));
    await delay(SETTLE_MS);
    const open = await metric(server, "chat_open_connections");
    if (open !== warmUp + connections) throw new Error(`${open} connections are open, not ${warmUp + connections}`);
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
  } finally {
    for (const generator of generators) generator.kill("SIGKILL");
    await server.kill();
  }
}

async function generate(port: number, first: number, count: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [GENERATOR, String(port), String(first), String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === `${count} signed in`) return child;
  }
  const [status] = child.exitCode === null ? ((await once(child, "exit")) as [number | null]) : [child.exitCode];
  throw new Error(`the generator ended with status ${status}`);
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
