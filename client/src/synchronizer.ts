import type { Conversation, ConversationChanged, Position, Resumed } from "@chatcluster/protocol";
import { ErrorCode } from "@chatcluster/protocol/codes";
import { MAX_PAGE_SIZE } from "@chatcluster/protocol/limits";
import { Backoff } from "./backoff.ts";
import type { AnswerOf, AnswerType } from "./connection.ts";
import { ConversationFeed, type FeedBounds, type LogFrame } from "./conversation-feed.ts";
import { delay } from "./delay.ts";
import { isRetryable } from "./errors.ts";
import type { Message, Request } from "./frames.ts";
import { firstIdAt } from "./message-id.ts";
import type { SeenMessages } from "./seen-messages.ts";

export interface SynchronizerHooks {
  /** Hands a message to the application. */
  deliver(message: Message): void;
  /** Hands a change to the application. */
  changed(event: ConversationChanged): void;
  /** A message of the offline list has been dealt with. */
  flushed(message: Message): void;
  /** Something could not be read and will not be tried again by itself. */
  failed(error: unknown): void;
  /** Sends a request on the connection that is in use, if one is. @throws ChatError as `Connection.request` does. */
  request<Type extends AnswerType>(request: Request, expected: Type): Promise<AnswerOf<Type>>;
  connected(): boolean;
  /** All conversations of the user are known. */
  listed(): void;
}

/** Where a conversation begins for the client. */
export interface Beginning extends FeedBounds {
  /** Where the log stood; absent if the server is about to say so by `resumed`. */
  readonly position?: Position;
}

/** Conversations that the user has left of which it is remembered what the application has had. */
const MAX_LEFT = 100;

/** Keeps the feeds of all conversations: their positions for the login, their events, what they miss, and who is new. */
export class Synchronizer {
  readonly #hooks: SynchronizerHooks;
  readonly #signal: AbortSignal;
  readonly #feeds = new Map<string, ConversationFeed>();
  readonly #recovering = new Set<string>();
  /** What the application has had of conversations that the user has left, the last left ones. */
  readonly #seenBefore = new Map<string, SeenMessages>();
  /** Per conversation, what had been delivered to the user before this client came. */
  readonly #deliveredBefore = new Map<string, string | undefined>();
  #listed = false;
  #userId = "";
  /** The offline list has overflowed, and the conversations are being listed. */
  #overflown = false;

  /** @param signal aborts when the client closes. */
  constructor(hooks: SynchronizerHooks, signal: AbortSignal) {
    this.#hooks = hooks;
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const feed of this.#feeds.values()) feed.stop();
    });
  }

  /** What a login carries: the positions of the conversations that were last active, at most so many, and whether they are of all. */
  progress(limit: number): { positions: Record<string, Position>; complete: boolean } {
    const known = [...this.#feeds].filter(([, { position }]) => position !== undefined);
    known.sort(([, a], [, b]) => ((a.lastMessageId ?? "") < (b.lastMessageId ?? "") ? 1 : -1));
    for (const [, feed] of known) feed.expectResumed();
    const carried = known.slice(0, limit).map(([id, { position }]) => [id, position as Position] as const);
    return { positions: Object.fromEntries(carried), complete: this.#listed && known.length <= limit };
  }

  /** After a login with those positions: resumes the conversations that did not fit, and learns of all there are, once. */
  async afterLogin(userId: string, positions: Record<string, Position>): Promise<void> {
    this.#userId = userId;
    for (const [id, { position }] of this.#feeds) if (position && !(id in positions)) this.#recover(id);
    if (this.#listed) return;
    await this.#list((conversation, position, lastMessage) => {
      this.add(conversation.id, {
        position,
        ...joinedAfter(conversation, userId),
        ...(lastMessage && { lastMessageId: lastMessage.id }),
      });
      this.#deliveredBefore.set(conversation.id, deliveredUpTo(conversation, userId));
    });
    this.#listed = true;
    this.#hooks.listed();
  }

  /** Takes up a conversation of which the client just heard. One that it knows keeps its position. */
  add(conversationId: string, { position, ...bounds }: Beginning): void {
    if (this.#feeds.has(conversationId)) return;
    const feed = this.#feed(conversationId, position, bounds);
    this.#feeds.set(conversationId, feed);
    if (!position) feed.expectBeginning();
  }

  /** Takes nothing of the conversation up any more, until it is added again. */
  remove(conversationId: string): void {
    const feed = this.#feeds.get(conversationId);
    if (!feed) return;
    feed.stop();
    this.#feeds.delete(conversationId);
    // Of a later stay what was between the two is none of the user's.
    this.#deliveredBefore.delete(conversationId);
    this.#seenBefore.set(conversationId, feed.seen);
    const [oldest] = this.#seenBefore.keys();
    if (oldest !== undefined && this.#seenBefore.size > MAX_LEFT) this.#seenBefore.delete(oldest);
  }

  onEvent(event: LogFrame): void {
    const { conversationId } = event.type === "message" ? event.message : event;
    let feed = this.#feeds.get(conversationId);
    if (!feed) {
      feed = this.#feed(conversationId);
      this.#feeds.set(conversationId, feed);
    }
    feed.onEvent(event);
  }

  onResumed(resumed: Resumed): void {
    this.#feeds.get(resumed.conversationId)?.onResumed(resumed);
  }

  /**
   * The offline list did not reach back: reads the history from where the user's deliveries had ended. What the list still has comes right
   * after this, and waits for that.
   */
  async onOfflineOverflow(): Promise<void> {
    this.#overflown = true;
    for (const feed of this.#feeds.values()) feed.expectHistory();
    try {
      await this.#list((conversation, position) => {
        const { id } = conversation;
        this.add(id, { position, ...joinedAfter(conversation, this.#userId) });
        const feed = this.#feeds.get(id);
        // What the user has had by now may be on another device only.
        if (this.#deliveredBefore.has(id)) feed?.readHistoryAfter(this.#deliveredBefore.get(id));
        else if (!this.#listed) feed?.readHistoryAfter(deliveredUpTo(conversation, this.#userId));
        else feed?.readHistoryOn();
      });
    } finally {
      this.#overflown = false;
    }
  }

  async #list(
    each: (conversation: Conversation, position: Position, lastMessage: Message | undefined) => void,
  ): Promise<void> {
    let after: string | undefined;
    do {
      const page = { type: "list_conversations", limit: MAX_PAGE_SIZE, ...(after !== undefined && { after }) } as const;
      const { conversations, nextAfter } = await this.#retrying(() => this.#hooks.request(page, "conversations"));
      for (const { conversation, position, lastMessage } of conversations)
        if (conversation.kind !== "live") each(conversation, position, lastMessage);
      after = nextAfter;
    } while (after !== undefined);
  }

  #feed(conversationId: string, position?: Position, bounds: FeedBounds = {}): ConversationFeed {
    const feed = new ConversationFeed(
      {
        deliver: (message) => this.#hooks.deliver(message),
        changed: (event) => this.#hooks.changed(event),
        flushed: (message) => this.#hooks.flushed(message),
        recover: () => this.#recover(conversationId),
        fetchHistory: (after) =>
          this.#retrying(() =>
            this.#hooks.request({ type: "fetch_history", conversationId, after, limit: MAX_PAGE_SIZE }, "history"),
          ),
        historyFailed: (error) => this.#recoveryFailed(conversationId, error),
      },
      position,
      bounds,
      this.#seenBefore.get(conversationId),
    );
    this.#seenBefore.delete(conversationId);
    if (this.#overflown) feed.expectHistory();
    return feed;
  }

  /** Whether the server is asked now. */
  #recover(conversationId: string): boolean {
    const feed = this.#feeds.get(conversationId);
    // Without a connection there is nothing to do: the next login carries the position.
    if (!feed?.position || this.#recovering.has(conversationId) || !this.#hooks.connected()) return false;
    this.#recovering.add(conversationId);
    void this.#resume(conversationId, feed);
    return true;
  }

  async #resume(conversationId: string, feed: ConversationFeed): Promise<void> {
    let resumed: Resumed;
    try {
      resumed = await this.#retrying(() =>
        this.#hooks.request({ type: "resume", conversationId, position: feed.position as Position }, "resumed"),
      );
    } catch (error) {
      this.#recoveryFailed(conversationId, error);
      return;
    } finally {
      // Before the answer is taken, which may lead to the next question.
      this.#recovering.delete(conversationId);
    }
    feed.onResumed(resumed);
  }

  #recoveryFailed(conversationId: string, error: unknown): void {
    if (this.#signal.aborted) return;
    const { code } = error as { code?: unknown };
    if (code === ErrorCode.ConversationNotFound || code === ErrorCode.Forbidden) {
      // No member any more: nothing of it may be read.
      this.remove(conversationId);
    }
    // After a lost connection the next login takes over.
    if (!isRetryable(error)) this.#hooks.failed(error);
  }

  /** Tries again while the server asks for it and the connection stays. */
  async #retrying<Value>(attempt: () => Promise<Value>): Promise<Value> {
    const backoff = new Backoff();
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

function joinedAfter({ members }: Conversation, user: string): Pick<Beginning, "after"> {
  const joinedAt = members.find(({ userId }) => userId === user)?.joinedAt;
  return joinedAt === undefined ? {} : { after: firstIdAt(joinedAt) };
}

function deliveredUpTo({ members }: Conversation, ofUser: string): string | undefined {
  return members.find(({ userId }) => userId === ofUser)?.deliveredUpTo;
}
