import type { ConversationChange, ConversationChanged, Position, Subscribed } from "@chatcluster/protocol";
import type { AnswerOf, AnswerType } from "./connection.ts";
import { ConversationFeed, type LogFrame } from "./conversation-feed.ts";
import { Emitter } from "./emitter.ts";
import { ChatError, ClientErrorCode } from "./errors.ts";
import type { History, Message, Request } from "./frames.ts";
import { firstIdAt } from "./message-id.ts";
import type { CallOptions } from "./options.ts";
import type { SentMessage } from "./outbox.ts";

/** How far a subscription has come, for the application to keep, and to go on from in another life. */
export interface Bookmark {
  readonly position: Position;
  /** The last message that was handed over, if there was one. */
  readonly lastMessageId?: string;
}

export interface SubscribeOptions {
  /** Where to begin: with what comes from now on, with the first message of all, or after what a bookmark stands for ["now"]. */
  from?: "now" | "start" | Bookmark;
  /**
   * What becomes of messages that were missed for longer than the server's log reaches back: read from the history and handed over, or
   * passed over, which suits what only the last of counts ["history"].
   */
  missed?: "history" | "skip";
}

export interface SubscriptionEvents {
  /** Each message once, in the conversation's order, the user's own ones too. */
  message: Message;
  /** A message was edited or deleted, members, rights or the title changed: in its place between the messages. */
  changed: ConversationChange;
  /** The subscription is there, also after each loss of the connection. */
  subscribed: { title: string; mayPublish: boolean };
  /** All that was missed has been handed over: from here on messages come as they are sent. */
  caught_up: undefined;
  /** Messages were passed over, as `missed: "skip"` asks for. */
  skipped: undefined;
  /** Nothing more comes: `unsubscribe()` was called, or (with an error) the user may not read here any more, or the client is at its end. */
  ended: { error?: ChatError };
}

/** A live conversation, from `client.subscribe` on. It outlives connections. */
export interface Subscription extends Pick<Emitter<SubscriptionEvents>, "on" | "once"> {
  readonly conversationId: string;
  /** As of the last `subscribed`, or the last renaming; empty before. */
  readonly title: string;
  readonly mayPublish: boolean;
  /** Undefined before the first `subscribed`. */
  readonly bookmark: Bookmark | undefined;
  /** Resolves with the first `caught_up`. Rejects with a ChatError if the subscription ends before. */
  readonly ready: Promise<void>;
  /** See `ChatClient.publish`. */
  publish(content: string | Uint8Array, options?: CallOptions & { clientId?: string }): Promise<SentMessage>;
  unsubscribe(): void;
}

export interface SubscriptionHooks {
  publish: Subscription["publish"];
  unsubscribe(): void;
  /** Sends a request and tries again while the connection stays. @throws ChatError as `Connection.request` does. */
  request<Type extends AnswerType>(request: Request, ...expected: Type[]): Promise<AnswerOf<Type>>;
  /** The server refused for good, or the connection is gone. */
  failed(error: unknown): void;
}

/** How long before its own beginning a subscription looks for what it missed: clocks of two servers may differ by this much. */
const OVERLAP_MS = 1_000;

export class LiveSubscription extends Emitter<SubscriptionEvents> implements Subscription {
  readonly conversationId: string;
  readonly ready: Promise<void>;
  readonly #hooks: SubscriptionHooks;
  readonly #options: Required<SubscribeOptions>;
  #feed: ConversationFeed | undefined;
  #title = "";
  #mayPublish = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ChatError) => void = () => undefined;

  constructor(
    conversationId: string,
    hooks: SubscriptionHooks,
    { from = "now", missed = "history" }: SubscribeOptions,
  ) {
    super();
    this.conversationId = conversationId;
    this.#hooks = hooks;
    this.#options = { from, missed };
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Whoever does not wait for it is told by `ended`.
    this.ready.catch(() => undefined);
    if (typeof from === "object") {
      this.#feed = this.#createFeed(from.position, from.lastMessageId);
      this.#feed.expectResumed();
    }
  }

  get title(): string {
    return this.#title;
  }

  get mayPublish(): boolean {
    return this.#mayPublish;
  }

  get position(): Position | undefined {
    return this.#feed?.position;
  }

  get bookmark(): Bookmark | undefined {
    const { position, lastMessageId } = this.#feed ?? {};
    return position && { position, ...(lastMessageId === undefined ? {} : { lastMessageId }) };
  }

  publish(content: string | Uint8Array, options?: CallOptions & { clientId?: string }): Promise<SentMessage> {
    return this.#hooks.publish(content, options);
  }

  unsubscribe(): void {
    this.#hooks.unsubscribe();
  }

  /** A login tells the server the position: its `resumed` is to come. */
  expectResumed(): void {
    this.#feed?.expectResumed();
  }

  onResumed(resumed: { recovered: boolean; position: Position }): void {
    this.#feed?.onResumed(resumed);
  }

  onSubscribed({ position, recovered, title, mayPublish, at }: Subscribed): void {
    this.#title = title;
    this.#mayPublish = mayPublish;
    this.emit("subscribed", { title, mayPublish });
    if (!this.#feed) this.#begin(position, at);
    // Without `recovered` it answers an earlier question, from before there was a position: what is between shows as a gap.
    else if (recovered !== undefined) this.#feed.onResumed({ recovered, position });
  }

  onEvent(event: LogFrame): void {
    this.#feed?.onEvent(event);
  }

  /** Nothing more is handed over. */
  end(error?: ChatError): void {
    this.#feed?.stop();
    this.#feed = undefined;
    this.#rejectReady(error ?? new ChatError(ClientErrorCode.Closed, "unsubscribed"));
    this.emit("ended", error ? { error } : {});
  }

  #begin(position: Position, at: number): void {
    const fromStart = this.#options.from === "start";
    this.#feed = this.#createFeed(position, fromStart ? undefined : firstIdAt(at - OVERLAP_MS));
    if (fromStart) {
      this.#feed.expectHistory();
      this.#feed.readHistoryAfter();
    } else this.#settled();
  }

  #settled(): void {
    this.#resolveReady();
    this.emit("caught_up", undefined);
  }

  #createFeed(position: Position, baseline?: string): ConversationFeed {
    return new ConversationFeed(
      {
        deliver: (message) => this.emit("message", message),
        changed: (event) => this.#changed(event),
        // Live conversations have no offline list.
        flushed: () => undefined,
        recover: () => this.#recover(),
        fetchHistory: (after) => this.#history(after),
        historyFailed: (error) => this.#hooks.failed(error),
        settled: () => this.#settled(),
      },
      position,
      baseline === undefined ? {} : { lastMessageId: baseline },
    );
  }

  #changed({ change }: ConversationChanged): void {
    if (change.type === "renamed") this.#title = change.title;
    this.emit("changed", change);
  }

  #history(after: string): Promise<History> {
    const { conversationId } = this;
    const isFirst = this.#options.from === "start" && this.#feed?.lastMessageId === undefined;
    if (this.#options.missed === "history" || isFirst)
      return this.#hooks.request({ type: "fetch_history", conversationId, after, limit: 100 }, "history");
    this.emit("skipped", undefined);
    return Promise.resolve({ type: "history", re: 0, conversationId, messages: [], more: false });
  }

  #recover(): boolean {
    const { conversationId, position } = this;
    if (!position) return false;
    this.#hooks.request({ type: "resume", conversationId, position }, "resumed").then(
      (resumed) => this.onResumed(resumed),
      (error: unknown) => this.#hooks.failed(error),
    );
    return true;
  }
}
