import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { tool } from "../tools/index.ts";
import { accepts, freePorts } from "./port.ts";
import { type ServiceControl, ServiceProcess } from "./process.ts";

export type HaproxyListen = {
  /** Port of 127.0.0.1 for the frontend; the service is ready once it accepts connections. */
  port: number;
  /** Another free port, for statistics and metrics. */
  statsPort: number;
  /** Path for the runtime API: `stats socket SOCKET mode 600 level admin`. */
  socket: string;
};

export type HaproxyOptions = {
  /** The whole configuration, with the given addresses in it. */
  config(listen: HaproxyListen): string;
};

export type Haproxy = ServiceControl &
  AsyncDisposable &
  HaproxyListen & {
    readonly pid: number;
    /** Says one command (or several, joined by `;`) on the runtime socket, and gives the answer. */
    runtime(command: string): Promise<string>;
  };

/** An HAProxy of its own, in one process, so that killing it ends every connection. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const program = await tool("haproxy");
  const [port = 0, statsPort = 0] = await freePorts(2);
  let socket = "";
  const service = await ServiceProcess.start({
    name: "haproxy",
    readySeconds: 20,
    // In order means after the last connection has closed.
    stopSeconds: 1,
    async command(directory) {
      socket = join(directory, "runtime.sock");
      const file = join(directory, "haproxy.cfg");
      await writeFile(file, options.config({ port, statsPort, socket }));
      return [program, "-db", "-f", file];
    },
    // HAProxy accepts on the port a moment before its socket has its final name.
    async ready() {
      if (!existsSync(socket)) throw new Error(`no ${socket} yet`);
      await accepts(port);
    },
  });
  const runtime = async (command: string): Promise<string> => {
    const connection = connect(socket);
    await once(connection, "connect");
    connection.end(`${command}\n`);
    return (await text(connection)).trim();
  };
  return Object.assign(service, { port, statsPort, socket, runtime });
}
