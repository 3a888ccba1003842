import {
  type Transport,
  type TransportConnection,
  type TransportEvents,
  type TransportTarget,
  WebSocketTransport,
} from "@chatcluster/client";
import type { ClientFrame, Receipt, ServerFrame } from "@chatcluster/protocol";

/** A guarantee, and the way in which a faulty server breaks it. */
export const TAMPERINGS = {
  /** `sent` before anything is stored: a message is acknowledged that never gets to the server. */
  lost: "lost",
  /** A message is delivered as two, with two ids. */
  doubled: "doubled",
  /** The messages of two neighbouring events change places. */
  reordered: "reordered",
  /** A receipt is published for a message that does not exist. (That one goes back, the client package hides.) */
  forged_receipt: "forged_receipt",
} as const;
export type Tampering = keyof typeof TAMPERINGS;

/** Stands between a real server and the client package, and breaks one guarantee, once, as a faulty server would. */
export class TamperingTransport implements Transport {
  readonly name = "websocket";
  readonly #inner = new WebSocketTransport();
  readonly #tampering: Tampering;
  /** How many frames pass before. */
  #countdown: number;
  #held: Extract<ServerFrame, { type: "message" }> | undefined;

  constructor(tampering: Tampering, countdown = 3) {
    this.#tampering = tampering;
    this.#countdown = countdown;
  }

  open(target: TransportTarget, events: TransportEvents): TransportConnection {
    const emit = (frame: ServerFrame) => events.onFrame(JSON.stringify(frame));
    const connection = this.#inner.open(target, {
      ...events,
      onOpen: () => events.onOpen(),
      onClose: (code, reason) => events.onClose(code, reason),
      onFrame: (frame) => (typeof frame === "string" ? this.#down(frame, emit) : events.onFrame(frame)),
    });
    return {
      send: (text) => {
        if (typeof text !== "string") return connection.send(text);
        const frame = JSON.parse(text) as ClientFrame;
        if (this.#tampering !== "lost" || frame.type !== "send" || !this.#isDue()) connection.send(text);
        else queueMicrotask(() => emit(acknowledge(frame)));
      },
      close: (code, reason) => connection.close(code, reason),
    };
  }

  #isDue(): boolean {
    return this.#countdown-- === 0;
  }

  #down(text: string, emit: (frame: ServerFrame) => void): void {
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.type === "message") this.#onMessage(frame, emit);
    else if (frame.type === "receipt") this.#onReceipt(frame.receipt, emit);
    else emit(frame);
  }

  #onMessage(frame: Extract<ServerFrame, { type: "message" }>, emit: (frame: ServerFrame) => void): void {
    if (this.#tampering === "doubled" && this.#isDue()) {
      emit(frame);
      emit({ type: "message", message: { ...frame.message, id: idAfter(frame.message.id) } });
    } else if (this.#tampering === "reordered" && this.#held) {
      const [first, second] = [this.#held, frame];
      this.#held = undefined;
      emit({ ...first, message: second.message });
      emit({ ...second, message: first.message });
    } else if (this.#tampering === "reordered" && this.#isDue()) this.#held = frame;
    else emit(frame);
  }

  #onReceipt(receipt: Receipt, emit: (frame: ServerFrame) => void): void {
    const isForged = this.#tampering === "forged_receipt" && this.#isDue();
    emit({ type: "receipt", receipt: isForged ? { ...receipt, upTo: idAfter(receipt.upTo) } : receipt });
  }
}

function acknowledge({ id, conversationId, clientId }: Extract<ClientFrame, { type: "send" }>): ServerFrame {
  const sentAt = Date.now();
  return { type: "sent", re: id, conversationId, clientId, messageId: "0".repeat(26), sentAt };
}

/** The id with another last character, so that it comes right after. */
function idAfter(id: string): string {
  return id.slice(0, -1) + (id.endsWith("Z") ? "Y" : "Z");
}
