/**
 * The operator's program, for tests of what a crash leaves behind: it kills itself just after its step `$CRASH_AFTER`. A step is a reply of the API
 * server to a write (of Leases and Events, which decide nothing, none is counted), or a chat server's answer to a drain, or a Cassandra agent's to a decommission.
 * With `$PLAYED_STORES` Redis and Cassandra take every login that they are told, and each telling is a step too.
 */
import { loadConfig } from "@chatcluster/foundation/config";
import { createLogger } from "@chatcluster/foundation/logger";
import { httpCassandraAgentClient } from "../cassandra-agent/client.ts";
import { operatorConfigSchema } from "../controller/config.ts";
import { createManager } from "../controller/operator.ts";
import { httpServerStatusClient } from "../controller/server-status-client.ts";
import { loadKubeConfig } from "../runtime/index.ts";

const WRITES = new Set(["create", "update", "apply", "patch", "delete"]);
const UNCOUNTED = new Set(["leases", "events"]);

const crashAfter = Number(process.env.CRASH_AFTER);
if (!Number.isInteger(crashAfter) || crashAfter < 1) throw new RangeError("CRASH_AFTER takes a whole number above 0");
let steps = 0;

function step(): void {
  steps += 1;
  if (steps === crashAfter) process.kill(process.pid, "SIGKILL");
}

const playedStores = {
  cassandraCredentials: { ensure: async () => step() },
  cassandraReplication: {
    read: async () => new Map([["chat", 1]]),
    change: () => Promise.reject(new TypeError("nobody asked for other copies")),
  },
  redisPasswords: { set: async () => step() },
};

const config = loadConfig(operatorConfigSchema, process.env, "OPERATOR_");
const manager = createManager(config, loadKubeConfig(), createLogger("crashing-operator", "info"), {
  serverStatus: {
    read: httpServerStatusClient.read,
    async drain(...request) {
      const status = await httpServerStatusClient.drain(...request);
      step();
      return status;
    },
  },
  cassandraAgents: {
    ...httpCassandraAgentClient,
    async decommission(...request) {
      await httpCassandraAgentClient.decommission(...request);
      step();
    },
  },
  ...(process.env.PLAYED_STORES === "true" && playedStores),
});
const { apiCalls } = manager.metrics;
const count = apiCalls.inc.bind(apiCalls) as (labels: { verb: string; resource: string; status: number }) => void;
Object.assign(apiCalls, {
  inc(call: Parameters<typeof count>[0]) {
    count(call);
    if (WRITES.has(call.verb) && !UNCOUNTED.has(call.resource)) step();
  },
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
await manager.run(stop.signal);
