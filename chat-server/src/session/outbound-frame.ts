import type { ServerFrame } from "@chatcluster/protocol";

/** What goes out, encoded once however many connections it goes to. A transport keeps its own form of it in `wire`. */
export class OutboundFrame {
  readonly text: string;
  /** Made by the first connection that needs it. One server has few transports; each has its slot. */
  readonly wire: { websocket?: Buffer; binaryWebsocket?: Buffer } = {};
  /** Encodes it for connections that take binary frames, if there is such a form of it. */
  readonly binary: (() => Uint8Array) | undefined;

  constructor(text: string, binary?: () => Uint8Array) {
    this.text = text;
    this.binary = binary;
  }

  static of(frame: ServerFrame): OutboundFrame {
    return new OutboundFrame(JSON.stringify(frame));
  }
}
