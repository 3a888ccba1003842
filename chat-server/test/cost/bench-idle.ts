/** `npm run bench:idle [-- --connections 10000] [--backend embedded|cluster]`: RSS of the server for each idle, signed-in connection. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clusterBackend } from "../support/cluster.ts";
import { measureIdleMemory } from "./idle-memory.ts";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "10000" },
    backend: { type: "string", default: "cluster" },
  },
});
const connections = Number(values.connections);
if (!(connections >= 100 && connections <= 18_000)) throw new RangeError("--connections takes 100 to 18000");

await using cleanup = new AsyncDisposableStack();
const variables = await (async () => {
  if (values.backend === "cluster") {
    const { servers, redis } = await clusterBackend(1);
    cleanup.defer(() => redis.stop());
    return servers[0] ?? {};
  }
  const directory = await mkdtemp(join(tmpdir(), "chat-bench-"));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  return { CHAT_DATA_DIR: directory };
})();
const { before, after, perConnection, heap, external } = await measureIdleMemory(variables, connections);
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
process.stdout.write(
  `${connections} idle connections (${values.backend}): RSS ${mebibytes(before)} → ${mebibytes(after)}, ` +
    `${perConnection.toFixed(1)} KiB each (heap ${heap.toFixed(1)}, external ${external.toFixed(1)})\n`,
);
