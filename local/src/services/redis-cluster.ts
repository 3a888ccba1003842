import { until } from "@chatcluster/foundation/until";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { freePort } from "./port.ts";
import { type Redis, startRedis } from "./redis.ts";

const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 1_000;

export type RedisClusterOptions = {
  /** Nodes that share the slots [3]. */
  masters?: number;
  /** Replicas of the first master [0]; the others have none. */
  replicas?: number;
  password?: string;
};

export type RedisCluster = AsyncDisposable & {
  /** `host:port,…` of all nodes. */
  readonly nodes: string;
  /** The masters at the start, then the replicas. */
  readonly servers: readonly Redis[];
  /** Runs a command at one node and gives what redis-cli prints. */
  command(server: Redis, ...command: string[]): Promise<string>;
  /** The server that is the master of a slot now, as a server that runs sees it; undefined if that is dead. */
  masterOf(slot: number): Promise<Redis | undefined>;
  /**
   * Gives a slot to another master, with its keys, as `redis-cli --cluster reshard` does. `halfWay` runs after each step, while the slot is migrating.
   */
  moveSlot(slot: number, to: Redis, halfWay?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
};

/** A Redis Cluster whose nodes take a silent one for dead after a second. Ready when all of them see all slots covered. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, password } = options;
  const cli = await tool("redis-cli");
  const command = (server: Redis, ...args: string[]) =>
    runCommand(cli, ["--no-auth-warning", "-e", "-h", "127.0.0.1", "-p", String(server.port), ...args], {
      env: password === undefined ? {} : { REDISCLI_AUTH: password },
    });
  const servers = await startNodes(masters + replicas, password);
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    await join(servers, masters, command);
    return cluster(servers, command, password, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

type Command = (server: Redis, ...args: string[]) => Promise<string>;

async function startNodes(count: number, password: string | undefined): Promise<Redis[]> {
  const authentication = password === undefined ? [] : [`masterauth ${JSON.stringify(password)}`];
  const starting = Array.from({ length: count }, async () => {
    // The bus is otherwise ten thousand ports further, where there may be no port.
    const settings = [`cluster-port ${await freePort()}`, `cluster-node-timeout ${NODE_TIMEOUT_MS}`, ...authentication];
    settings.push("cluster-enabled yes", "repl-diskless-sync-delay 0", "cluster-replica-validity-factor 0");
    return startRedis({ settings, ...(password === undefined ? {} : { password }) });
  });
  return Promise.all(starting);
}

async function join(servers: readonly Redis[], masters: number, command: Command): Promise<void> {
  const [first] = servers;
  if (!first) throw new RangeError("a cluster has at least one node");
  const info = async (server: Redis) => command(server, "CLUSTER", "INFO");
  for (const [index, server] of servers.entries()) {
    await command(server, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    if (index < masters) {
      const start = Math.floor((SLOTS * index) / masters);
      const end = Math.floor((SLOTS * (index + 1)) / masters) - 1;
      await command(server, "CLUSTER", "ADDSLOTSRANGE", String(start), String(end));
    }
    if (server !== first) {
      const bus = /cluster-port\n(\d+)/.exec(await command(server, "CONFIG", "GET", "cluster-port"))?.[1];
      await command(first, "CLUSTER", "MEET", "127.0.0.1", String(server.port), bus ?? "");
    }
  }
  const everybody = (text: string, what: string) =>
    until(async () => (await Promise.all(servers.map(info))).every((each) => each.includes(text)), what, 30_000);
  await everybody(`cluster_known_nodes:${servers.length}`, "nodes that know each other");
  const master = await command(first, "CLUSTER", "MYID");
  for (const replica of servers.slice(masters)) await command(replica, "CLUSTER", "REPLICATE", master);
  await everybody("cluster_state:ok", "a cluster that works");
  const links = async () =>
    Promise.all(servers.slice(masters).map((replica) => command(replica, "INFO", "replication")));
  await until(
    async () => (await links()).every((text) => text.includes("master_link_status:up")),
    "replicas that follow",
    30_000,
  );
}

function cluster(
  servers: readonly Redis[],
  command: Command,
  password: string | undefined,
  stop: () => Promise<void>,
): RedisCluster {
  async function masterOf(slot: number): Promise<Redis | undefined> {
    for (const asked of servers) {
      // One that was killed has nothing to say; another one has.
      const text = await command(asked, "CLUSTER", "NODES").catch(() => "");
      for (const line of text.split("\n")) {
        const [, address = "", flags = "", , , , , , ...slots] = line.split(" ");
        if (!flags.includes("master") || flags.includes("fail")) continue;
        const has = slots.some((range) => {
          const [start, end = start] = range.split("-").map(Number);
          return !range.startsWith("[") && start !== undefined && slot >= start && slot <= (end ?? start);
        });
        const found = has && servers.find((server) => address.startsWith(`127.0.0.1:${server.port}@`));
        if (found) return found;
      }
    }
    return undefined;
  }
  return {
    nodes: servers.map(({ port }) => `127.0.0.1:${port}`).join(","),
    servers,
    command,
    masterOf,
    async moveSlot(slot, to, halfWay = async () => undefined) {
      const from = await masterOf(slot);
      if (!from) throw new Error(`no node has slot ${slot}`);
      const [fromId, toId] = await Promise.all([from, to].map((server) => command(server, "CLUSTER", "MYID")));
      const number = String(slot);
      await command(to, "CLUSTER", "SETSLOT", number, "IMPORTING", fromId ?? "");
      await command(from, "CLUSTER", "SETSLOT", number, "MIGRATING", toId ?? "");
      const authentication = password === undefined ? [] : ["AUTH", password];
      for (;;) {
        await halfWay();
        const keys = (await command(from, "CLUSTER", "GETKEYSINSLOT", number, "1")).split("\n").filter(Boolean);
        if (keys.length === 0) break;
        const target = ["127.0.0.1", String(to.port), "", "0", "5000", ...authentication];
        await command(from, "MIGRATE", ...target, "KEYS", ...keys);
      }
      for (const server of [to, from]) await command(server, "CLUSTER", "SETSLOT", number, "NODE", toId ?? "");
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
