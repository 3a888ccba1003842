import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@chatcluster/foundation/until";
import type { LocalCluster } from "@chatcluster/local/cluster";
import { tool } from "@chatcluster/local/tools";

/** A way from this machine into the cluster's network. */
export interface Forward extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
}

/** Opens a port of 127.0.0.1 that leads to an `address:port` of the cluster's network: a UNIX socket is in both. */
export async function forwardInto(local: Pick<LocalCluster, "enterNetwork">, target: string): Promise<Forward> {
  const folder = await mkdtemp(join(tmpdir(), "chatcluster-forward-"));
  const path = join(folder, "socket");
  const inside = await listenInside(local, path, target);
  const sockets = new Set<Socket>();
  const server = createServer((outer) => {
    const inner = connect(path);
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      // A connection that breaks on one side ends on the other: that is what a client would see.
      from.on("error", () => to.destroy()).on("close", () => sockets.delete(from));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      const exited = once(inside, "exit");
      inside.kill("SIGTERM");
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}

async function listenInside(
  local: Pick<LocalCluster, "enterNetwork">,
  path: string,
  target: string,
): Promise<ChildProcess> {
  const arguments_ = [`UNIX-LISTEN:${path},fork,backlog=64`, `TCP:${target}`];
  const [command = "", ...args] = [...local.enterNetwork, await tool("socat"), ...arguments_];
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`socat ended with ${child.exitCode}`);
    return existsSync(path);
  }, "the way into the cluster's network to be open");
  return child;
}
