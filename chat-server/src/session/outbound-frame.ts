import type { ServerFrame } from "@chatcluster/protocol";

/** What goes out, encoded once however many connections it goes to. A transport keeps its own form of it in `wire`. */
export class OutboundFrame {
  readonly text: string;
  /** Made by the first connection that needs it. One server has few transports; each has its slot. */
  readonly wire: { websocket?: Buffer } = {};

  constructor(text: string) {
    this.text = text;
  }

  static of(frame: ServerFrame): OutboundFrame {
    return new OutboundFrame(JSON.stringify(frame));
  }
}
