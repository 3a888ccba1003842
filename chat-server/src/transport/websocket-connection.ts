import type { Duplex } from "node:stream";
import { CloseCode } from "@chatcluster/protocol";
import { Sender, type WebSocket } from "ws";
import type { Connection } from "../session/connection.ts";
import type { OutboundFrame } from "../session/outbound-frame.ts";
import type { WriteJoiner } from "../write-joiner.ts";

/** Opcodes. */
const TEXT = 1;
const BINARY = 2;
/** Share of the bound below which more may be sent to a peer that is being fed from a store. */
const DRAINED_SHARE = 0.25;

/** The frame of RFC 6455, section 5.2, made once for all connections: servers send unmasked, and nothing is compressed. */
function wireOf(frame: OutboundFrame, takesBinary: boolean): Buffer {
  const { wire, binary } = frame;
  if (!takesBinary || !binary) {
    wire.websocket ??= framed(Buffer.from(frame.text), TEXT);
    return wire.websocket;
  }
  wire.binaryWebsocket ??= framed(Buffer.from(binary()), BINARY);
  return wire.binaryWebsocket;
}

const framed = (payload: Buffer, opcode: number) =>
  Buffer.concat(Sender.frame(payload, { fin: true, rsv1: false, opcode, mask: false, readOnly: true }));

/** The bytes' side of one WebSocket. What waits for the peer is bounded: past the bound it is closed as a slow consumer. */
export class WebSocketConnection implements Connection {
  readonly #socket: Duplex;
  readonly #webSocket: WebSocket;
  readonly #joiner: WriteJoiner;
  readonly #maxBufferedBytes: number;
  readonly #onSlow: () => void;
  #takesBinary = false;
  /** Milliseconds on the heartbeat's clock. */
  pingDueAt = 0;
  pongDueAt = Number.POSITIVE_INFINITY;
  loginDueAt = Number.POSITIVE_INFINITY;
  expiresAt = Number.POSITIVE_INFINITY;

  constructor(
    webSocket: WebSocket,
    socket: Duplex,
    options: { joiner: WriteJoiner; maxBufferedBytes: number; onSlow: () => void },
  ) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#joiner = options.joiner;
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#onSlow = options.onSlow;
  }

  send(frame: OutboundFrame): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const bytes = wireOf(frame, this.#takesBinary);
    if (this.#socket.writableLength + bytes.length > this.#maxBufferedBytes) {
      this.#onSlow();
      this.close(CloseCode.SlowConsumer, "too many bytes wait for this connection");
      return;
    }
    this.#joiner.cork(this.#socket);
    this.#socket.write(bytes);
  }

  close(code: number, reason: string): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.close(code, reason);
  }

  useBinary(): void {
    this.#takesBinary = true;
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  async drained(): Promise<void> {
    const low = this.#maxBufferedBytes * DRAINED_SHARE;
    while (this.#webSocket.readyState === this.#webSocket.OPEN && this.#socket.writableLength > low) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#socket.off("drain", done);
          this.#socket.off("close", done);
          resolve();
        };
        this.#socket.once("drain", done);
        this.#socket.once("close", done);
      });
    }
  }
}
