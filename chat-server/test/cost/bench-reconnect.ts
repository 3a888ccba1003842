/**
 * `npm run bench:reconnect [-- --clients 15000]`: two servers, idle clients on one of them, which is killed; how long until each is back and
 * signed in on the other, and what messages between those who are there take meanwhile.
 */
import { parseArgs } from "node:util";
import { benchCluster } from "./bench-cluster.ts";
import type { DirectOptions, DirectResult } from "./direct-generator.ts";
import { Generator } from "./generator.ts";
import { showLatency } from "./latencies.ts";
import { cpuMs } from "./process-cpu.ts";
import type { ReconnectOptions, ReconnectResult } from "./reconnect-generator.ts";

const MESSAGES_PER_SECOND = 50;
const MESSAGES_SECONDS = 20;

const { values } = parseArgs({ options: { clients: { type: "string", default: "15000" } } });
const count = Number(values.clients);
if (!(count >= 100 && count <= 18_000)) throw new RangeError("--clients takes 100 to 18000");

await using cluster = await benchCluster(2, { CHAT_MESSAGES_PER_SECOND: "10000" });
const [dying, staying] = cluster.servers;
if (!dying || !staying) throw new Error("two servers are needed");
const moving: ReconnectOptions = { from: dying.port, to: staying.port, first: 0, count };
const talking: DirectOptions = {
  ports: [staying.port],
  pairs: 60,
  rate: MESSAGES_PER_SECOND,
  warmUpSeconds: 5,
  seconds: MESSAGES_SECONDS,
  receipts: false,
};
const talkers = await Generator.start<DirectResult>("direct-generator.ts", talking);
const movers = await Generator.start<ReconnectResult>("reconnect-generator.ts", moving);
const before = await cpuMs(staying.pid);
const results = Promise.all([movers.run(), talkers.run()]);
await dying.kill();
const [{ back, attempts }, { sent, delivered, errors }] = await results;
const cpu = (await cpuMs(staying.pid)) - before;
await Promise.all([movers.stop(), talkers.stop()]);
process.stdout.write(
  `${count} clients of a killed server back on the other: ${showLatency(back)}, ${attempts} attempts, ` +
    `${((1_000 * cpu) / count).toFixed(0)} µs of its CPU each; messages there meanwhile (${MESSAGES_PER_SECOND}/s for ` +
    `${MESSAGES_SECONDS} s): sent ${showLatency(sent)}; delivered ${showLatency(delivered)}; ${errors} errors\n`,
);
