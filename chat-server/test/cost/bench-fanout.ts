/**
 * `npm run bench:fanout [-- --deliveries 20000,100000] [--subscribers 2000] [--rooms 20] [--seconds 10] [--binary]`: live rooms over two
 * servers on one Redis and one Cassandra. Prints what a delivery costs the servers, how long it takes, and what a connection takes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ChildServer } from "../support/child-server.ts";
import { clusterBackend } from "../support/cluster.ts";
import type { FanOutFigures, FanOutLoad } from "./fan-out-generator.ts";
import { cpuMs } from "./process-cpu.ts";

const GENERATOR = fileURLToPath(new URL("fan-out-generator.ts", import.meta.url));

const { values } = parseArgs({
  options: {
    deliveries: { type: "string", default: "20000,100000" },
    subscribers: { type: "string", default: "2000" },
    rooms: { type: "string", default: "20" },
    seconds: { type: "string", default: "10" },
    binary: { type: "boolean", default: false },
  },
});

async function residentKibibytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Adds a figure of each server up. */
async function ofAll(servers: readonly ChildServer[], figure: (pid: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (const { pid } of servers) sum += await figure(pid);
  return sum;
}

async function measure(servers: readonly ChildServer[], load: Omit<FanOutLoad, "ports">): Promise<string> {
  const settings: FanOutLoad = { ...load, ports: servers.map(({ port }) => port) };
  const before = await ofAll(servers, residentKibibytes);
  const child: ChildProcess = spawn(process.execPath, [GENERATOR, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (!child.stdout) throw new Error("the generator has no output");
  let [connected, cpu] = [0, 0];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "ready") connected = await ofAll(servers, residentKibibytes);
    else if (line === "measuring") cpu = await ofAll(servers, cpuMs);
    else {
      const used = (await ofAll(servers, cpuMs)) - cpu;
      const { deliveries, p50, p99 } = JSON.parse(line) as FanOutFigures;
      const rate = Math.round(deliveries / load.seconds);
      const each = (used / deliveries) * 1e3;
      const kibibytes = (connected - before) / load.subscribers;
      return `| ${load.deliveriesPerSecond} | ${rate} | ${each.toFixed(1)} | ${p50} | ${p99} | ${kibibytes.toFixed(1)} |`;
    }
  }
  throw new Error(`the generator ended with status ${child.exitCode}`);
}

process.stdout.write(
  "| deliveries/s asked for | deliveries/s | us server CPU each | p50 ms | p99 ms | KiB RSS a connection |\n|---|---|---|---|---|---|\n",
);
for (const deliveriesPerSecond of values.deliveries.split(",").map(Number)) {
  await using cleanup = new AsyncDisposableStack();
  const { servers: variables, redis } = await clusterBackend(2, { CHAT_MESSAGES_PER_SECOND: "100000" });
  cleanup.defer(() => redis.stop());
  const servers: ChildServer[] = [];
  for (const each of variables) {
    const server = await ChildServer.start(each);
    cleanup.defer(() => server.kill());
    servers.push(server);
  }
  const numbers = {
    subscribers: Number(values.subscribers),
    rooms: Number(values.rooms),
    seconds: Number(values.seconds),
  };
  const row = await measure(servers, { ...numbers, deliveriesPerSecond, binary: values.binary });
  process.stdout.write(`${row}\n`);
}
