import type { Transport, TransportConnection, TransportEvents, TransportTarget } from "./transport.ts";

/** Text and binary frames over the platform's `WebSocket` (browsers, Node from 22 on). */
export class WebSocketTransport implements Transport {
  readonly name = "websocket";
  readonly #WebSocket: typeof WebSocket;

  /** @param implementation another class with the interface of the HTML standard's WebSocket [the global one]. */
  constructor(implementation: typeof WebSocket | undefined = globalThis.WebSocket) {
    if (!implementation) throw new TypeError("there is no global WebSocket: Node 22 or a browser is needed");
    this.#WebSocket = implementation;
  }

  open({ url, token }: TransportTarget, events: TransportEvents): TransportConnection {
    const address = new URL(url);
    // Browsers can set no header on a WebSocket, so the token travels in the query, which the server accepts beside the header.
    address.searchParams.set("token", token);
    const socket = new this.#WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => events.onOpen());
    socket.addEventListener("message", ({ data }) => {
      events.onFrame(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
    });
    // An `error` event is always followed by `close`, which carries what can be known.
    socket.addEventListener("close", ({ code, reason }) => events.onClose(code, reason));
    return {
      takesBinary: true,
      send: (frame) => socket.send(frame as string | Uint8Array<ArrayBuffer>),
      // Scripts may use 1000 and 3000 to 4999 only (HTML standard, WebSocket.close).
      close: (code, reason) => socket.close(code === 1000 || code >= 3000 ? code : 1000, reason),
    };
  }
}
