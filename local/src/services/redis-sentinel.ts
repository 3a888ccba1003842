import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@chatcluster/foundation/until";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { freePort } from "./port.ts";
import { type ServiceControl, ServiceProcess } from "./process.ts";
import { type Redis, startRedis } from "./redis.ts";

const SENTINELS = 3;
const QUORUM = 2;

export type RedisSentinelOptions = {
  /** Of the Redis servers. */
  password?: string;
  /** Of the sentinels. */
  sentinelPassword?: string;
  /** How many replicas the master has [1]. */
  replicas?: number;
};

export type RedisSentinel = AsyncDisposable & {
  /** Under which the sentinels know the master. */
  readonly masterName: "chat";
  /** `host:port,…` of the sentinels. */
  readonly sentinels: string;
  readonly sentinelServices: readonly ServiceControl[];
  /** The servers; the first one is the master at the start. */
  readonly servers: readonly Redis[];
  /** The server that the sentinels call the master now. */
  master(): Promise<Redis>;
  /** Whether all sentinels know of a master that answers and of a replica that follows it. */
  canFailOver(): Promise<boolean>;
  stop(): Promise<void>;
};

/** A master, its replicas and three sentinels that take a silent master for dead after 0.8 s. Ready when a failover could happen. */
export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  const { password, sentinelPassword, replicas = 1 } = options;
  const authenticated = password === undefined ? {} : { password };
  const settings = [
    "repl-diskless-sync-delay 0",
    ...(password === undefined ? [] : [`masterauth ${JSON.stringify(password)}`]),
  ];
  const master = await startRedis({ ...authenticated, settings });
  const servers = [master];
  const sentinels: (ServiceProcess & { port: number })[] = [];
  const stop = async () => {
    await Promise.all([...sentinels, ...servers].map((service) => service.stop()));
  };
  try {
    const replicaOf = [...settings, `replicaof 127.0.0.1 ${master.port}`];
    const starting = Array.from({ length: replicas }, () => startRedis({ ...authenticated, settings: replicaOf }));
    servers.push(...(await Promise.all(starting)));
    sentinels.push(
      ...(await Promise.all(Array.from({ length: SENTINELS }, () => startSentinel(master.port, options)))),
    );
    const cli = await tool("redis-cli");
    const ask = (port: number, ...args: string[]) =>
      runCommand(cli, ["--no-auth-warning", "-h", "127.0.0.1", "-p", String(port), "SENTINEL", ...args], {
        env: sentinelPassword === undefined ? {} : { REDISCLI_AUTH: sentinelPassword },
      });
    const fieldsOf = async (port: number, what: string) => {
      const lines = (await ask(port, what, "chat")).split("\n");
      return (name: string) => lines[lines.indexOf(name) + 1] ?? "";
    };
    const knows = async ({ port }: { port: number }) => {
      const [known, replica] = [await fieldsOf(port, "MASTER"), await fieldsOf(port, "REPLICAS")];
      const follows = replica("flags") === "slave" && replica("master-link-status") === "ok";
      return known("num-other-sentinels") === String(SENTINELS - 1) && known("flags") === "master" && follows;
    };
    const canFailOver = async () => (await Promise.all(sentinels.map(knows))).every(Boolean);
    await until(canFailOver, "sentinels that know each other and the replicas", 30_000);
    const first = sentinels[0]?.port ?? 0;
    return {
      masterName: "chat",
      sentinels: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(","),
      sentinelServices: sentinels,
      servers,
      canFailOver,
      async master() {
        const [, port] = (await ask(first, "GET-MASTER-ADDR-BY-NAME", "chat")).split("\n");
        const found = servers.find((server) => server.port === Number(port));
        if (!found) throw new Error(`the sentinels name a master that is none of ours: ${port}`);
        return found;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startSentinel(
  masterPort: number,
  { password, sentinelPassword }: RedisSentinelOptions,
): Promise<ServiceProcess & { port: number }> {
  const [program, cli, port] = [await tool("redis-server"), await tool("redis-cli"), await freePort()];
  const service = await ServiceProcess.start({
    name: "redis-sentinel",
    readySeconds: 20,
    stopSeconds: 5,
    async command(directory) {
      const file = join(directory, "sentinel.conf");
      const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`];
      lines.push(`sentinel monitor chat 127.0.0.1 ${masterPort} ${QUORUM}`);
      lines.push("sentinel down-after-milliseconds chat 800", "sentinel failover-timeout chat 1000");
      if (password !== undefined) lines.push(`sentinel auth-pass chat ${JSON.stringify(password)}`);
      if (sentinelPassword !== undefined) {
        lines.push(`requirepass ${JSON.stringify(sentinelPassword)}`);
        lines.push(`sentinel sentinel-pass ${JSON.stringify(sentinelPassword)}`);
      }
      await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
      return [program, file, "--sentinel"];
    },
    async ready() {
      const answer = await runCommand(cli, ["--no-auth-warning", "-h", "127.0.0.1", "-p", String(port), "PING"], {
        env: sentinelPassword === undefined ? {} : { REDISCLI_AUTH: sentinelPassword },
      });
      if (answer !== "PONG") throw new Error(answer);
    },
  });
  return Object.assign(service, { port });
}
