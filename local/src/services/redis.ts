import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { freePort } from "./port.ts";
import { type ServiceControl, ServiceProcess } from "./process.ts";

export type RedisOptions = {
  /** Without one, clients need none. */
  password?: string;
  /** Further lines of redis.conf. */
  settings?: readonly string[];
};

export type Redis = ServiceControl &
  AsyncDisposable & {
    readonly host: "127.0.0.1";
    readonly port: number;
    readonly url: string;
    readonly password: string | undefined;
    readonly pid: number;
  };

/**
 * A Redis of its own. It writes its log of commands to disk at once (`appendfsync always`), so that a killed one comes back with all
 * it has acknowledged.
 */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const [program, cli, port] = [await tool("redis-server"), await tool("redis-cli"), await freePort()];
  const { password, settings = [] } = options;
  const env = password === undefined ? {} : { REDISCLI_AUTH: password };
  const service = await ServiceProcess.start({
    name: "redis",
    readySeconds: 20,
    stopSeconds: 5,
    async command(directory) {
      const file = join(directory, "redis.conf");
      const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`, 'save ""', "appendonly yes"];
      lines.push("appendfsync always");
      if (password !== undefined) lines.push(`requirepass ${JSON.stringify(password)}`);
      await writeFile(file, `${[...lines, ...settings].join("\n")}\n`, { mode: 0o600 });
      return [program, file];
    },
    async ready() {
      // While it loads its data, and while it refuses the password, the answer is an error.
      const answer = await runCommand(cli, ["--no-auth-warning", "-h", "127.0.0.1", "-p", String(port), "PING"], {
        env,
      });
      if (answer !== "PONG") throw new Error(answer);
    },
  });
  return Object.assign(service, {
    host: "127.0.0.1",
    port,
    password,
    url: `redis://127.0.0.1:${port}`,
  } as const);
}
