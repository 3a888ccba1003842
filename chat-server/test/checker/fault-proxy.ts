import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** How the network between clients and one server behaves. */
export interface Weather {
  /** New connections are refused. */
  refusing: boolean;
  /** Milliseconds that every piece of data takes. */
  delayMs: number;
}

/** A TCP proxy on 127.0.0.1 before one server, which does what networks do to connections. */
export class FaultProxy {
  readonly port: number;
  /** Where to; a restarted server has another port. */
  targetPort: number;
  readonly weather: Weather = { refusing: false, delayMs: 0 };
  readonly #server: Server;
  readonly #links = new Set<Link>();

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.targetPort = targetPort;
    server.on("connection", (client) => this.#connect(client));
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: false }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(server, targetPort);
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Resets the connections that are picked. */
  cut(isPicked: () => boolean): number {
    return this.#each(isPicked, (link) => link.reset());
  }

  /** From now on nothing gets through the connections that are picked, and neither side is told. */
  halfOpen(isPicked: () => boolean): number {
    return this.#each(isPicked, (link) => link.freeze());
  }

  close(): void {
    this.weather.refusing = true;
    this.cut(() => true);
    this.#server.close();
  }

  #each(isPicked: () => boolean, act: (link: Link) => void): number {
    const picked = [...this.#links].filter(isPicked);
    for (const link of picked) act(link);
    return picked.length;
  }

  #connect(client: Socket): void {
    if (this.weather.refusing) {
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, connect(this.targetPort, "127.0.0.1"), this.weather, () => this.#links.delete(link));
    this.#links.add(link);
  }
}

/** One connection through the proxy. */
class Link {
  readonly #sockets: readonly [Socket, Socket];
  #frozen = false;

  constructor(client: Socket, target: Socket, weather: Weather, onEnd: () => void) {
    this.#sockets = [client, target];
    this.#forward(client, target, weather);
    this.#forward(target, client, weather);
    let ended = false;
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      // Ends show as "close".
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        if (ended || (this.#frozen && !this.#sockets.every(({ destroyed }) => destroyed))) return;
        ended = true;
        for (const one of this.#sockets) one.destroy();
        onEnd();
      });
    }
  }

  freeze(): void {
    this.#frozen = true;
  }

  reset(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Pieces keep their order, however the delay changes. */
  #forward(from: Socket, to: Socket, weather: Weather): void {
    let notBefore = 0;
    from.on("data", (data) => {
      if (this.#frozen) return;
      const now = performance.now();
      if (weather.delayMs === 0 && now >= notBefore) {
        to.write(data);
        return;
      }
      notBefore = Math.max(notBefore, now + weather.delayMs);
      setTimeout(() => {
        if (!this.#frozen && !to.destroyed) to.write(data);
      }, notBefore - now);
    });
  }
}
