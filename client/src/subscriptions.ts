import type { Position, Resumed, Subscribed, Unsubscribed } from "@chatcluster/protocol";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { AnswerOf, AnswerType } from "./connection.ts";
import type { LogFrame } from "./conversation-feed.ts";
import { delay } from "./delay.ts";
import { ChatError, ClientErrorCode, isRetryable } from "./errors.ts";
import type { Request } from "./frames.ts";
import { LiveSubscription, type SubscribeOptions, type Subscription } from "./subscription.ts";

export interface SubscriptionsHooks {
  /** Sends a request if there is a connection. @throws ChatError as `Connection.request` does. */
  request<Type extends AnswerType>(request: Request, ...expected: Type[]): Promise<AnswerOf<Type>>;
  connected(): boolean;
  publish(conversationId: string, ...args: Parameters<Subscription["publish"]>): ReturnType<Subscription["publish"]>;
  failed(error: unknown): void;
}

interface Entry {
  readonly subscription: LiveSubscription;
  /** The server has said once that it is subscribed: from then on logins carry it. */
  confirmed: boolean;
  asking: boolean;
  /** Asks again, if the stream does not say within the time that it has taken it up. */
  timer?: ReturnType<typeof setTimeout>;
}

/** How long a stream may take to take up what a request of its own asked for, in milliseconds. */
const TAKE_UP_MS = 5_000;

/** Whether an id is of a live conversation (PROTOCOL.md, "Connecting"). */
export const isLive = (conversationId: string) => conversationId.startsWith("l-");

/** The live conversations that the application is subscribed to: asked for on each connection until it ends them. */
export class Subscriptions {
  readonly #hooks: SubscriptionsHooks;
  readonly #backoff: BackoffOptions;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();

  /** @param signal aborts when the client closes. */
  constructor(hooks: SubscriptionsHooks, backoff: BackoffOptions, signal: AbortSignal) {
    this.#hooks = hooks;
    this.#backoff = backoff;
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      const error = signal.reason instanceof ChatError ? signal.reason : undefined;
      for (const conversationId of [...this.#entries.keys()]) this.#end(conversationId, error);
    });
  }

  /** @throws ChatError `already_subscribed`, `closed` */
  subscribe(conversationId: string, options: SubscribeOptions): Subscription {
    this.#signal.throwIfAborted();
    if (this.#entries.has(conversationId))
      throw new ChatError(ClientErrorCode.AlreadySubscribed, `${conversationId} is subscribed to already`);
    const subscription = new LiveSubscription(
      conversationId,
      {
        publish: (...args) => this.#hooks.publish(conversationId, ...args),
        unsubscribe: () => this.#unsubscribe(conversationId, subscription),
        request: (request, ...expected) => this.#retrying(() => this.#hooks.request(request, ...expected)),
        failed: (error) => this.#failed(conversationId, error),
      },
      options,
    );
    const entry = { subscription, confirmed: false, asking: false };
    this.#entries.set(conversationId, entry);
    void this.#ask(entry);
    return subscription;
  }

  /** For a login. */
  positions(): Record<string, Position> {
    const positions: Record<string, Position> = {};
    for (const [id, { subscription, confirmed }] of this.#entries) {
      const { position } = subscription;
      if (!position || !confirmed) continue;
      subscription.expectResumed();
      positions[id] = position;
    }
    return positions;
  }

  /** After a login with those positions. */
  afterLogin(positions: Record<string, Position>): void {
    for (const [id, entry] of this.#entries) if (!(id in positions)) void this.#ask(entry);
  }

  onSubscribed(subscribed: Subscribed): void {
    const entry = this.#entries.get(subscribed.conversationId);
    // Ended while the server was at it.
    if (!entry) {
      this.#tellUnsubscribed(subscribed.conversationId);
      return;
    }
    clearTimeout(entry.timer);
    entry.confirmed = true;
    entry.subscription.onSubscribed(subscribed);
  }

  onUnsubscribed({ conversationId, code }: Unsubscribed): void {
    const entry = this.#entries.get(conversationId);
    // Without a code it answers an `unsubscribe` that was taken back since.
    if (!entry || code === undefined) return;
    const error = new ChatError(code, `the server ended the subscription to ${conversationId}`);
    if (isRetryable(error)) void this.#ask(entry);
    else this.#end(conversationId, error);
  }

  onResumed(resumed: Resumed): void {
    this.#entries.get(resumed.conversationId)?.subscription.onResumed(resumed);
  }

  onEvent(event: LogFrame): void {
    const { conversationId } = event.type === "message" ? event.message : event;
    this.#entries.get(conversationId)?.subscription.onEvent(event);
  }

  async #ask(entry: Entry): Promise<void> {
    clearTimeout(entry.timer);
    // The next login asks, too.
    if (entry.asking || !this.#hooks.connected()) return;
    entry.asking = true;
    const { conversationId, position } = entry.subscription;
    try {
      const request = { type: "subscribe", conversationId, ...(position && { position }) } as const;
      const answer = await this.#retrying(() => this.#hooks.request(request, "subscribed", "ok"));
      if (answer.type === "subscribed") this.onSubscribed(answer);
      else entry.timer = setTimeout(() => void this.#ask(entry), TAKE_UP_MS);
    } catch (error) {
      this.#failed(conversationId, error);
    } finally {
      entry.asking = false;
    }
    if (this.#entries.get(conversationId) !== entry) clearTimeout(entry.timer);
  }

  #unsubscribe(conversationId: string, subscription: LiveSubscription): void {
    if (this.#entries.get(conversationId)?.subscription !== subscription) return;
    this.#end(conversationId);
    this.#tellUnsubscribed(conversationId);
  }

  /** Not sent again: a lost connection takes the subscription along. */
  #tellUnsubscribed(conversationId: string): void {
    if (this.#hooks.connected())
      this.#hooks.request({ type: "unsubscribe", conversationId }, "ok").catch((error: unknown) => {
        if (!isRetryable(error)) this.#hooks.failed(error);
      });
  }

  #failed(conversationId: string, error: unknown): void {
    // After a lost connection the next login takes over.
    if (isRetryable(error) || this.#signal.aborted) return;
    const known = error instanceof ChatError;
    this.#end(conversationId, known ? error : new ChatError("internal", "the client failed", { cause: error }));
  }

  #end(conversationId: string, error?: ChatError): void {
    const entry = this.#entries.get(conversationId);
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#entries.delete(conversationId);
    entry.subscription.end(error);
  }

  /** Tries again while the server asks for it and the connection stays. */
  async #retrying<Value>(attempt: () => Promise<Value>): Promise<Value> {
    const backoff = new Backoff(this.#backoff);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetryable(error) || !this.#hooks.connected()) throw error;
        await delay(error.retryAfterMs ?? backoff.next(), this.#signal);
      }
    }
  }
}
