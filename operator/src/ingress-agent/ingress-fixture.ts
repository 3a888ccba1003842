import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, Agent as HttpAgent, type IncomingMessage, request, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { type Haproxy, startHaproxy } from "@chatcluster/local/services";
import { Registry } from "prom-client";
import { type HaproxyConfigOptions, renderHaproxyConfig } from "../ingress/haproxy-config.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { Agent, type SliceSource } from "./agent.ts";
import { AgentMetrics } from "./metrics.ts";
import { Reconciler } from "./reconciler.ts";
import { RuntimeApi } from "./runtime-api.ts";
import { type HaproxyServer, parseServers } from "./server-table.ts";

/** For the integration tests of HAProxy and agent: real HAProxy, small real servers, EndpointSlices from memory. */

/** A chat server's stand-in: says its name over HTTP, echoes bytes on an upgraded connection, answers `/readyz`. */
export class Backend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly sockets = new Set<Duplex>();
  #server: Server | undefined;

  private constructor(name: string, address: string, port: number) {
    this.name = name;
    this.address = address;
    this.port = port;
  }

  /** `port` 0 picks a free one. All of an EndpointSlice's share a port, so each has a loopback address of its own. */
  static async start(name: string, address: string, port = 0): Promise<Backend> {
    const server = createServer((incoming, response) => {
      response.setHeader("x-server", name);
      response.end(JSON.stringify({ server: name, forwardedFor: incoming.headers["x-forwarded-for"] }));
    });
    server.listen(port, address);
    await once(server, "listening");
    const bound = server.address();
    const backend = new Backend(name, address, typeof bound === "object" && bound ? bound.port : 0);
    backend.#server = server.on("upgrade", (incoming, socket) => backend.#upgrade(incoming, socket));
    return backend;
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex): void {
    // RFC 6455 section 4.2.2: HAProxy checks the answer to the key.
    const accept = createHash("sha1")
      .update(`${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, `X-Server: ${this.name}`, "", ""].join("\r\n"));
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  }

  /** As a dead process: refuses connections and cuts those that are open. */
  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server?.closeAllConnections();
    const closed = this.#server ? once(this.#server, "close") : Promise.resolve();
    this.#server?.close();
    await closed;
  }
}

/** EndpointSlices that a test writes. */
export class Slices implements SliceSource {
  hasSynced = true;
  readonly #handlers: (() => void)[] = [];
  #objects: KubernetesObject[] = [];

  list(): KubernetesObject[] {
    return this.#objects;
  }

  addHandler(handler: { updated(): void }): void {
    this.#handlers.push(() => handler.updated());
  }

  /** One slice a server, in this order; `conditions` by the server's name. */
  set(backends: readonly Backend[], conditions: Record<string, { ready: boolean; terminating?: boolean }> = {}): void {
    this.#objects = backends.map((backend) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `slice-${backend.name}`, namespace: "default" },
      addressType: "IPv4",
      ports: [{ name: "chat", port: backend.port, protocol: "TCP" }],
      endpoints: [
        {
          addresses: [backend.address],
          conditions: { ready: true, serving: true, terminating: false, ...conditions[backend.name] },
          targetRef: { kind: "Pod", name: backend.name },
        },
      ],
    }));
    for (const changed of this.#handlers) changed();
  }
}

/** A reply, as far as the tests look. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The backend's name, "" if HAProxy itself answered. */
  readonly server: string;
}

/** An open connection through the ingress. */
export interface OpenSocket {
  readonly server: string;
  readonly socket: Duplex;
  /** Sends a byte and waits for it to come back. */
  echo(): Promise<void>;
}

/** One ingress pod: HAProxy and the agent beside it. */
export class Ingress implements AsyncDisposable {
  readonly slices = new Slices();
  readonly haproxy: Haproxy;
  readonly agent: Agent;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 16 });
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(haproxy: Haproxy, checkPort: number, retireSeconds: number) {
    this.haproxy = haproxy;
    const logger = createLogger("test", "silent");
    const metrics = new AgentMetrics(new Registry());
    const api = new RuntimeApi({ socket: haproxy.socket });
    const reconciler = new Reconciler({ api, backend: "chat", checkPort, retireSeconds, logger, metrics });
    this.agent = new Agent({ slices: this.slices, reconciler, portName: "chat", logger, metrics });
    this.#running = this.agent.run(this.#stop.signal);
  }

  static async start(
    checkPort: number,
    options: Partial<HaproxyConfigOptions> & { retireSeconds?: number } = {},
  ): Promise<Ingress> {
    const haproxy = await startHaproxy({
      config: ({ port, statsPort, socket }) =>
        renderHaproxyConfig({
          hashOn: "user",
          balanceFactor: 0,
          drainSeconds: 5,
          maxConnections: 2_000,
          connectionRatePerAddress: 0,
          accessLog: true,
          threads: 1,
          ...options,
          listen: { address: "127.0.0.1", httpPort: port, metricsPort: statsPort, socket },
        }),
    });
    return new Ingress(haproxy, checkPort, options.retireSeconds ?? 30);
  }

  async servers(): Promise<HaproxyServer[]> {
    const { haproxy } = this;
    return parseServers(
      await haproxy.runtime("show servers state chat"),
      await haproxy.runtime("show servers conn chat"),
    );
  }

  /** Waits until HAProxy has exactly these servers, all up. */
  async hasUp(...names: string[]): Promise<void> {
    const wanted = [...names].sort().join();
    await until(async () => {
      const servers = await this.servers();
      return (
        servers.every(({ up }) => up) &&
        servers
          .map(({ name }) => name)
          .sort()
          .join() === wanted
      );
    }, `servers ${wanted}`);
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    const outgoing = request({ host: "127.0.0.1", port: this.haproxy.port, path, headers, agent: this.#http }).end();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    const body = (await incoming.toArray()).join("");
    const server = String(incoming.headers["x-server"] ?? "");
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, body, server };
  }

  /** The server of each of the users `user-0` to `user-(count-1)`. */
  async serversOfUsers(count: number): Promise<string[]> {
    const result: string[] = [];
    for (let first = 0; first < count; first += 100) {
      const users = Array.from({ length: Math.min(100, count - first) }, (_, index) => `user-${first + index}`);
      result.push(...(await Promise.all(users.map(async (user) => (await this.get(`/chat?user=${user}`)).server))));
    }
    return result;
  }

  async open(user: string): Promise<OpenSocket> {
    const outgoing = request({
      host: "127.0.0.1",
      port: this.haproxy.port,
      path: `/chat?user=${user}`,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    }).end();
    const [incoming, socket] = (await once(outgoing, "upgrade")) as [IncomingMessage, Duplex];
    socket.on("error", () => socket.destroy());
    const echo = async () => {
      socket.write("x");
      await once(socket, "data", { signal: AbortSignal.timeout(5_000) });
    };
    return { server: String(incoming.headers["x-server"]), socket, echo };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#http.destroy();
    await this.haproxy[Symbol.asyncDispose]();
  }
}
