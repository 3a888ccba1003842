import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ServerOptions, WebSocketServer } from "ws";
import { WEB_SOCKET_SERVER_OPTIONS } from "../../src/transport/websocket.ts";

/** The WebSocket layer of the chat server with its own options, but what comes goes back: for test suites of RFC 6455. */
export class EchoServer implements AsyncDisposable {
  readonly port: number;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(more: ServerOptions = {}): Promise<EchoServer> {
    const webSockets = new WebSocketServer({ ...WEB_SOCKET_SERVER_OPTIONS, ...more });
    const http = createServer((_request, response) => response.writeHead(426).end());
    http.on("upgrade", (request, socket, head) =>
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("message", (data, binary) => webSocket.send(data, { binary }));
        // Broken frames are what the suites send; ws closes with the code that RFC 6455 has for them.
        webSocket.on("error", () => undefined);
      }),
    );
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return new EchoServer((http.address() as AddressInfo).port, async () => {
      for (const webSocket of webSockets.clients) webSocket.terminate();
      http.close();
      await once(http, "close");
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
