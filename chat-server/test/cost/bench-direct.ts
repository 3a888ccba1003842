/**
 * `npm run bench:direct [-- --rate 1000,2000] [--seconds 20] [--servers 1|2] [--receipts]`: 60 pairs online; from a message's time to be sent to
 * its `sent` and to the other's having it, and the CPU that each process takes for it.
 */
import { parseArgs } from "node:util";
import { benchCluster } from "./bench-cluster.ts";
import type { DirectOptions, DirectResult } from "./direct-generator.ts";
import { Generator } from "./generator.ts";
import { showLatency } from "./latencies.ts";
import { cpuDuring } from "./process-cpu.ts";

const PAIRS = 60;
const WARM_UP_SECONDS = 10;

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "1000,2000" },
    seconds: { type: "string", default: "20" },
    servers: { type: "string", default: "1" },
    receipts: { type: "boolean", default: false },
  },
});
const rates = values.rate.split(",").map(Number);
const seconds = Number(values.seconds);
if (!rates.every((rate) => rate >= 1 && rate <= 20_000)) throw new RangeError("--rate takes 1 to 20000, or several");
if (!(seconds >= 1 && seconds <= 600)) throw new RangeError("--seconds takes 1 to 600");

await using cluster = await benchCluster(Number(values.servers), { CHAT_MESSAGES_PER_SECOND: "10000" });
const ports = cluster.servers.map(({ port }) => port);
for (const rate of rates) {
  const options: DirectOptions = {
    ports,
    pairs: PAIRS,
    rate,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds,
    receipts: values.receipts,
  };
  const generator = await Generator.start<DirectResult>("direct-generator.ts", options);
  const { result, cpu } = await cpuDuring(cluster.pids, () => generator.run());
  await generator.stop();
  const each = (ms: number | undefined) => ((1_000 * (ms ?? 0)) / result.sent.count).toFixed(0);
  process.stdout.write(
    `${rate} messages/s on ${ports.length} server(s)${values.receipts ? " with receipts" : ""}: ` +
      `sent ${showLatency(result.sent)}; delivered ${showLatency(result.delivered)}; ` +
      `CPU a message: server ${each(cpu.server)}, Redis ${each(cpu.redis)}, Cassandra ${each(cpu.cassandra)} µs; ` +
      `${result.errors} errors\n`,
  );
}
