import type { ReceiptKind } from "@chatcluster/protocol";
import { Backoff } from "./backoff.ts";
import { delay } from "./delay.ts";
import { isRetryable } from "./errors.ts";

interface Pending {
  /** The greatest message id asked for. */
  upTo: string;
  /** Set again by every request, also for an id that was acknowledged before: the server may wait for it anew. */
  dirty: boolean;
  sending: boolean;
}

export interface ReceiptHooks {
  /** Sends one receipt. @throws ChatError as `Connection.request` does. */
  send(conversationId: string, kind: ReceiptKind, upTo: string): Promise<void>;
  connected(): boolean;
  failed(error: unknown): void;
}

/** Gathers receipts and sends, per conversation and kind, the furthest one: receipts are cumulative. Sent again until acknowledged. */
export class Receipts {
  readonly #hooks: ReceiptHooks;
  readonly #delayMs: number;
  readonly #signal: AbortSignal;
  readonly #pending = new Map<ReceiptKind, Map<string, Pending>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paused = true;

  /** @param delayMs for how long receipts are gathered, in milliseconds. */
  constructor(hooks: ReceiptHooks, delayMs: number, signal: AbortSignal) {
    this.#hooks = hooks;
    this.#delayMs = delayMs;
    this.#signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  add(kind: ReceiptKind, conversationId: string, upTo: string): void {
    const ofKind = this.#pending.get(kind) ?? new Map<string, Pending>();
    this.#pending.set(kind, ofKind);
    const pending = ofKind.get(conversationId) ?? { upTo, dirty: true, sending: false };
    ofKind.set(conversationId, pending);
    if (upTo > pending.upTo) pending.upTo = upTo;
    pending.dirty = true;
    this.#schedule();
  }

  /** The connection is ready: sends what waits. */
  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  /** Gathers on, and sends nothing. */
  pause(): void {
    this.#paused = true;
  }

  #schedule(): void {
    if (this.#paused) return;
    this.#timer ??= setTimeout(() => this.#flush(), this.#delayMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#paused) return;
    for (const [kind, ofKind] of this.#pending) {
      for (const [conversationId, pending] of ofKind) {
        if (pending.dirty && !pending.sending) void this.#send(kind, conversationId, pending);
      }
    }
  }

  async #send(kind: ReceiptKind, conversationId: string, pending: Pending): Promise<void> {
    const backoff = new Backoff();
    pending.sending = true;
    try {
      // A lost connection ends the loop; the next one flushes.
      while (pending.dirty && this.#hooks.connected()) {
        pending.dirty = false;
        await this.#hooks.send(conversationId, kind, pending.upTo).catch((error: unknown) => {
          if (!isRetryable(error)) throw error;
          pending.dirty = true;
          return this.#wait(error.retryAfterMs ?? backoff.next());
        });
      }
    } catch (error) {
      if (!this.#signal.aborted) this.#hooks.failed(error);
    } finally {
      pending.sending = false;
    }
    if (!pending.dirty) this.#pending.get(kind)?.delete(conversationId);
  }

  async #wait(ms: number): Promise<void> {
    if (this.#hooks.connected()) await delay(ms, this.#signal);
  }
}
