import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { CloseCode, type Position } from "@chatcluster/protocol";
import type { Connection } from "../../session/connection.ts";
import type { OutboundFrame } from "../../session/outbound-frame.ts";
import { markOf, StreamCursor } from "./stream-cursor.ts";

/** Share of the bound below which more may be sent to a peer that is being fed from a store. */
const DRAINED_SHARE = 0.25;
/** Milliseconds that a peer has to take what was sent before the end. */
const END_TIMEOUT_MS = 5_000;
/** A cursor longer than this goes out once a second at most: an older one only repeats messages. */
const SHORT_CURSOR = 256;
const LONG_CURSOR_INTERVAL_MS = 1_000;

/** What is sent to the streams within a turn of the event loop, in one write for each. */
export class StreamFlusher {
  #dirty: EventStreamConnection[] = [];

  add(connection: EventStreamConnection): void {
    if (this.#dirty.length === 0) setImmediate(() => this.#flush());
    this.#dirty.push(connection);
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }
}

/**
 * One stream of server-sent events (HTML standard, section 9.2): a frame is the `data` of an event. What waits for the peer is bounded: past
 * the bound it is closed as a slow consumer.
 */
export class EventStreamConnection implements Connection {
  readonly #response: ServerResponse;
  readonly #flusher: StreamFlusher;
  readonly #maxBufferedBytes: number;
  readonly #onSlow: () => void;
  readonly #cursor = new StreamCursor();
  #waiting: string[] = [];
  #waitingBytes = 0;
  #cursorMoved = false;
  #cursorSentAt = 0;
  #cursorLength = 0;
  #closed = false;
  /** Names the stream in what its client sends; nobody else can guess it. */
  readonly streamId = randomBytes(9).toString("base64url");
  /** Milliseconds since 1970 of the last sign that somebody reads this. */
  seenAt = Date.now();
  /** The client has shown that it can give such signs. */
  hasPinged = false;
  /** Positions known at the welcome, for the first cursor. */
  onWelcome: () => Iterable<[string, Position]> = () => [];

  constructor(
    response: ServerResponse,
    options: { flusher: StreamFlusher; maxBufferedBytes: number; onSlow: () => void },
  ) {
    this.#response = response;
    this.#flusher = options.flusher;
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#onSlow = options.onSlow;
  }

  send(frame: OutboundFrame): void {
    if (this.#closed) return;
    const bytes = Buffer.byteLength(frame.text);
    if (this.#response.writableLength + this.#waitingBytes + bytes > this.#maxBufferedBytes) {
      this.#onSlow();
      this.close(CloseCode.SlowConsumer, "too many bytes wait for this connection");
      return;
    }
    if (frame.text.startsWith('{"type":"welcome"')) this.#begin();
    const mark = markOf(frame);
    if (mark) {
      this.#cursor.set(mark);
      this.#cursorMoved = true;
    }
    if (this.#waiting.length === 0) this.#flusher.add(this);
    this.#waiting.push(frame.text);
    this.#waitingBytes += bytes;
  }

  /** Writes what waits; the cursor goes with the last event, for it covers all of them. */
  flush(): void {
    if (this.#waiting.length === 0 || this.#response.destroyed || this.#response.writableEnded) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const last = waiting.pop();
    let text = "";
    for (const frame of waiting) text += `data: ${frame}\n\n`;
    this.#response.write(`${text}${this.#idLine()}data: ${last}\n\n`);
  }

  onSignOfLife(): void {
    this.seenAt = Date.now();
    this.hasPinged = true;
  }

  /** A comment, which clients pass over and proxies count as life; with it a cursor that has not been sent yet. */
  heartbeat(): void {
    if (this.#closed) return;
    this.flush();
    const id = this.#idLine();
    // An event without data is not handed on, but its id is kept (HTML standard, 9.2.6).
    this.#response.write(id === "" ? ":\n\n" : `${id}\n:\n\n`);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#response.end(`event: close\ndata: ${JSON.stringify({ code, reason })}\n\n`);
    const timer = setTimeout(() => this.#response.destroy(), END_TIMEOUT_MS);
    timer.unref();
    this.#response.once("close", () => clearTimeout(timer));
  }

  async drained(): Promise<void> {
    const low = this.#maxBufferedBytes * DRAINED_SHARE;
    while (!this.#closed && !this.#response.destroyed) {
      if (this.#response.writableLength + this.#waitingBytes <= low) return;
      this.flush();
      if (this.#response.writableLength <= low) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#response.off("drain", done);
          this.#response.off("close", done);
          resolve();
        };
        this.#response.once("drain", done);
        this.#response.once("close", done);
      });
    }
  }

  #begin(): void {
    for (const [conversationId, position] of this.onWelcome()) this.#cursor.set({ conversationId, position });
    this.#cursorMoved = true;
  }

  #idLine(): string {
    if (!this.#cursorMoved) return "";
    const now = Date.now();
    if (this.#cursorLength > SHORT_CURSOR && now - this.#cursorSentAt < LONG_CURSOR_INTERVAL_MS) return "";
    const cursor = this.#cursor.toString();
    this.#cursorMoved = false;
    this.#cursorSentAt = now;
    this.#cursorLength = cursor.length;
    return `id: ${cursor}\n`;
  }
}
