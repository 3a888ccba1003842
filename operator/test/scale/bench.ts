/** `npm run bench:operator [-- --clusters 300] [--changes 200] [--seconds 30]`: what many ChatClusters cost one operator. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { bundle, operatorPrograms } from "@chatcluster/local/images";
import { startApiServer } from "@chatcluster/local/services";
import { startOperatorProgram } from "../../src/testing/operator-program.ts";
import { difference, ManyClusters, percentile, sum } from "./many-clusters.ts";

const { values } = parseArgs({
  options: {
    clusters: { type: "string", default: "300" },
    changes: { type: "string", default: "200" },
    seconds: { type: "string", default: "30" },
  },
});
const [clusters = 0, changes = 0, seconds = 0] = [values.clusters, values.changes, values.seconds].map(Number);
if (!(clusters >= 1 && changes >= 1 && seconds >= 1)) throw new RangeError("every option takes a number above 0");

/** What the chart gives it, with its memory limit of 384 MiB. */
const HEAP = "--max-semi-space-size=2 --max-old-space-size=192";
const print = (line: string) => process.stdout.write(`${line}\n`);
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** The program as it is in the image: from its sources it would need 50 MB more. */
async function bundledOperator(folder: string): Promise<string> {
  for (const [path, content] of await bundle(operatorPrograms, () => undefined)) {
    await writeFile(join(folder, path), content);
  }
  return join(folder, "operator.mjs");
}

await using cleanup = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "operator-bench-"));
cleanup.defer(() => rm(folder, { recursive: true, force: true }));
const program = await bundledOperator(folder);
await using server = await startApiServer();
await using many = await ManyClusters.start(server, clusters);
await using operator = await startOperatorProgram(server.kubeconfigFile, { NODE_OPTIONS: HEAP }, program);
const memory = async (when: string) => {
  const { now, peak } = await operator.memory();
  const heap = (await operator.metrics()).find(({ name }) => name === "nodejs_heap_size_used_bytes")?.value ?? 0;
  print(`RSS ${when}: ${mebibytes(now)} (heap ${mebibytes(heap)}), at most ${mebibytes(peak)} so far`);
};
await memory("at the start");

const createdMs = performance.now();
await many.create();
await many.untilReconciled();
const writes = sum(await operator.writes());
print(`${clusters} ChatClusters made in ${((performance.now() - createdMs) / 1000).toFixed(1)} s, ${writes} writes`);
await memory("after that");
await many.runPods();
await many.untilQuiet(operator);
await memory("with pods");

const before = await operator.writes();
const [cpu, polls] = [await operator.cpuSeconds(), many.polls];
await delay(seconds * 1000);
const used = (await operator.cpuSeconds()) - cpu;
print(
  `steady state, ${seconds} s: writes ${JSON.stringify(difference(before, await operator.writes()))}, ` +
    `${((many.polls - polls) / seconds).toFixed(0)} servers asked a second, ${((used / seconds) * 100).toFixed(1)} % of a CPU`,
);
await memory("in steady state");

const latencies = await many.changeLatencies(changes);
const at = (share: number) => `${percentile(latencies, share).toFixed(0)} ms`;
print(`${changes} changes, from the reply to the child: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`);
await memory("at the end");
