import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A proxy on 127.0.0.1 as some networks have one: it ends connections that ask for an upgrade, as long as `blocking`. */
export class BlockingProxy implements Disposable {
  blocking = true;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => {
      this.#hold(client);
      client.once("data", (head) => {
        if (this.blocking && /^upgrade: websocket/im.test(head.toString("latin1"))) {
          client.destroy();
          return;
        }
        const target = connect(targetPort, "127.0.0.1");
        this.#hold(target);
        target.write(head);
        client.pipe(target).pipe(client);
        client.on("close", () => target.destroy());
        target.on("close", () => client.destroy());
      });
    });
  }

  static async start(targetPort: number): Promise<BlockingProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new BlockingProxy(server, targetPort);
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    // Ends show as "close".
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
