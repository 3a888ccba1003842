import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy on 127.0.0.1 that can be cut, as a network can. */
export class CuttableProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; target: Socket }>();
  #open = true;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#connect(client, targetPort));
  }

  static async start(targetPort: number): Promise<CuttableProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new CuttableProxy(server, targetPort);
  }

  /** Ends every connection and refuses new ones. */
  cut(): void {
    this.#open = false;
    for (const { client, target } of this.#pairs) {
      client.destroy();
      target.destroy();
    }
  }

  restore(): void {
    this.#open = true;
  }

  /** From now on what clients send does not arrive; it is lost when they go. */
  holdRequests(): void {
    for (const { client, target } of this.#pairs) {
      client.unpipe(target);
      client.pause();
    }
  }

  /** What was held of what clients send arrives, and all that follows. */
  releaseRequests(): void {
    for (const { client, target } of this.#pairs) client.pipe(target);
  }

  /** From now on what is answered does not arrive. */
  holdAnswers(): void {
    for (const { client, target } of this.#pairs) {
      target.unpipe(client);
      target.pause();
    }
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #connect(client: Socket, targetPort: number): void {
    if (!this.#open) {
      client.destroy();
      return;
    }
    const pair = { client, target: connect(targetPort, "127.0.0.1") };
    this.#pairs.add(pair);
    client.pipe(pair.target).pipe(client);
    for (const [socket, other] of [
      [client, pair.target],
      [pair.target, client],
    ] as const) {
      // Ends show as "close".
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
