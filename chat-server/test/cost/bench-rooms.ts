/**
 * `npm run bench:rooms [-- --deliveries 20000] [--seconds 20]`: 20 durable chat rooms of 100 members on two servers; the servers' CPU for each
 * delivery, and how long one takes from the time at which the message was to be sent.
 */
import { parseArgs } from "node:util";
import { benchCluster } from "./bench-cluster.ts";
import { Generator } from "./generator.ts";
import { showLatency } from "./latencies.ts";
import { cpuDuring } from "./process-cpu.ts";
import type { RoomsOptions, RoomsResult } from "./rooms-generator.ts";

const ROOMS = 20;
const MEMBERS = 100;
const SERVERS = 2;
const WARM_UP_SECONDS = 8;

const { values } = parseArgs({
  options: { deliveries: { type: "string", default: "20000" }, seconds: { type: "string", default: "20" } },
});
const deliveries = Number(values.deliveries);
const seconds = Number(values.seconds);
if (!(deliveries >= MEMBERS && deliveries <= 200_000)) throw new RangeError("--deliveries takes 100 to 200000");
if (!(seconds >= 1 && seconds <= 600)) throw new RangeError("--seconds takes 1 to 600");

await using cluster = await benchCluster(SERVERS, { CHAT_MESSAGES_PER_SECOND: "10000" });
const ports = cluster.servers.map(({ port }) => port);
const options: RoomsOptions = {
  ports,
  rooms: ROOMS,
  members: MEMBERS,
  deliveries,
  warmUpSeconds: WARM_UP_SECONDS,
  seconds,
};
const generator = await Generator.start<RoomsResult>("rooms-generator.ts", options);
const { result, cpu } = await cpuDuring(cluster.pids, () => generator.run());
await generator.stop();
const { delivered, missing, errors } = result;
const each = (ms: number | undefined) => ((1_000 * (ms ?? 0)) / delivered.count).toFixed(1);
process.stdout.write(
  `${deliveries} deliveries/s in ${ROOMS} durable rooms of ${MEMBERS} on ${SERVERS} servers: ${showLatency(delivered)}; ` +
    `CPU a delivery: servers ${each(cpu.server)}, Redis ${each(cpu.redis)}, Cassandra ${each(cpu.cassandra)} µs; ` +
    `${missing} missing, ${errors} errors\n`,
);
