import { randomBytes } from "node:crypto";
import { CloseCode } from "@chatcluster/protocol";
import type { Connection } from "../../session/connection.ts";
import type { OutboundFrame } from "../../session/outbound-frame.ts";

/** Share of the bound below which more may be sent to a peer that is being fed from a store. */
const DRAINED_SHARE = 0.25;
/** Bytes of frames in one answer; what is left comes with the next. */
const MAX_ANSWER_BYTES = 262_144;

export interface Polled {
  texts: string[];
  /** Number of the last frame of the answer: what the client hands in once it has it. */
  upTo: number;
  /** There is more than the answer had room for. */
  more: boolean;
}

/**
 * What a polling client is to get. Frames are kept until a later poll says that they have arrived, so an answer that is lost on its way is
 * given again.
 */
export class PollConnection implements Connection {
  /** Names this queue in cursors; nobody else can guess it. */
  readonly id = randomBytes(9).toString("base64url");
  readonly #maxBufferedBytes: number;
  readonly #onSlow: () => void;
  /** Frames that have not been taken note of, the first of them with the number `#first`. */
  #queue: { text: string; bytes: number }[] = [];
  #first = 1;
  #bytes = 0;
  #waking = false;
  #waiting = new Set<() => void>();
  #draining: (() => void)[] = [];
  #closed: { code: number; reason: string } | undefined;
  /** Milliseconds since 1970 of the last frame. */
  lastFrameAt = Date.now();

  constructor(options: { maxBufferedBytes: number; onSlow: () => void }) {
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#onSlow = options.onSlow;
  }

  get closed(): { code: number; reason: string } | undefined {
    return this.#closed;
  }

  send({ text }: OutboundFrame): void {
    if (this.#closed) return;
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#maxBufferedBytes) {
      this.#onSlow();
      this.close(CloseCode.SlowConsumer, "too many bytes wait for this connection");
      return;
    }
    this.#queue.push({ text, bytes });
    this.#bytes += bytes;
    this.lastFrameAt = Date.now();
    this.#wake();
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = { code, reason };
    this.#wake();
    this.#release();
  }

  async drained(): Promise<void> {
    while (!this.#closed && this.#bytes > this.#maxBufferedBytes * DRAINED_SHARE)
      await new Promise<void>((resolve) => this.#draining.push(resolve));
  }

  /** The client has everything up to a number. One that was never given out changes nothing. */
  acknowledge(upTo: number): void {
    const count = upTo - this.#first + 1;
    if (count <= 0 || count > this.#queue.length) return;
    for (const { bytes } of this.#queue.splice(0, count)) this.#bytes -= bytes;
    this.#first = upTo + 1;
    if (this.#bytes <= this.#maxBufferedBytes * DRAINED_SHARE) this.#release();
  }

  /** What the client has not taken note of, oldest first. */
  take(): Polled {
    const texts: string[] = [];
    let size = 0;
    for (const { text, bytes } of this.#queue) {
      if (size > 0 && size + bytes > MAX_ANSWER_BYTES) break;
      size += bytes;
      texts.push(text);
    }
    return { texts, upTo: this.#first + texts.length - 1, more: texts.length < this.#queue.length };
  }

  get hasData(): boolean {
    return this.#queue.length > 0 || this.#closed !== undefined;
  }

  /** Calls back once, when there is something to tell. Returns what takes the callback back. */
  onData(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  /** At the end of the turn, so that what comes together is one answer. */
  #wake(): void {
    if (this.#waking || this.#waiting.size === 0) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      const waiting = this.#waiting;
      this.#waiting = new Set();
      for (const callback of waiting) callback();
    });
  }

  #release(): void {
    const draining = this.#draining;
    this.#draining = [];
    for (const resolve of draining) resolve();
  }
}
