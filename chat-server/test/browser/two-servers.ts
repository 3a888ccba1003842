import { type Haproxy, startHaproxy } from "@chatcluster/local/services";
import { ChildServer } from "../support/child-server.ts";
import { clusterBackend } from "../support/cluster.ts";

/** Two servers in processes of their own, on one Redis and Cassandra, and a way to each that leads to the other one when it is away. */
export interface TwoServers {
  readonly addresses: readonly [string, string];
  readonly ports: readonly [number, number];
  /** As a crash. Its id is `server-0` or `server-1`. */
  kill(index: 0 | 1): Promise<void>;
  /** Starts it anew, on the port that it had. */
  start(index: 0 | 1): Promise<void>;
  stop(): Promise<void>;
}

export async function startTwoServers(): Promise<TwoServers> {
  const { servers: variables, redis } = await clusterBackend(2);
  const running = await Promise.all(variables.map((each) => ChildServer.start(each)));
  const ports = running.map(({ port }) => port);
  const ways = await Promise.all([wayTo(ports), wayTo(ports.toReversed())]);
  const [port0 = 0, port1 = 0] = ports;
  const [way0, way1] = ways.map(({ port }) => `http://127.0.0.1:${port}/`);
  return {
    addresses: [way0 ?? "", way1 ?? ""],
    ports: [port0, port1],
    kill: async (index) => running[index]?.kill(),
    async start(index) {
      running[index] = await ChildServer.start({ ...variables[index], CHAT_PORT: String(ports[index]) });
    },
    async stop() {
      await Promise.all(running.map((server) => server.kill()));
      await Promise.all([...ways.map((way) => way.stop()), redis.stop()]);
    },
  };
}

function wayTo([first, second]: readonly number[]): Promise<Haproxy> {
  const check = "check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions";
  return startHaproxy({
    config: ({ port, statsPort, socket }) => `
global
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option redispatch 1
  retries 3
frontend stats
  bind 127.0.0.1:${statsPort}
  stats enable
listen chat
  bind 127.0.0.1:${port}
  server first 127.0.0.1:${first} ${check}
  server second 127.0.0.1:${second} ${check} backup
`,
  });
}
