import type { Logger } from "@chatcluster/foundation/logger";
import type { Position } from "@chatcluster/protocol";
import type { Broker, LogEvent } from "../broker/broker.ts";
import { isLive } from "../conversation/conversation-id.ts";
import type { ConversationLog } from "../conversation/conversation-log.ts";
import { Feed, type FeedEvent, type Subscriber } from "./feed.ts";

export interface HubServices {
  broker: Broker;
  log: ConversationLog;
  logger: Logger;
  /** A reservation is pending in the conversation. */
  onPending: (conversationId: string) => void;
  /** So many connections, or one so many times, have been given an event. */
  onDelivered: (count: number) => void;
  /** Nobody here follows the conversation any more. */
  onEnded: (conversationId: string) => void;
}

/** How a subscriber joins: told first whether its position could be taken up, then given what it missed. */
export interface Resumption {
  after: Position;
  onResumed(recovered: boolean, position: Position): void;
  /** May wait until the peer has taken what it was given. False: the subscriber has changed its mind, and does not join. */
  onMissed(events: FeedEvent[]): Promise<boolean>;
}

/** Milliseconds for which a live conversation is followed on without a subscriber: the next one, or the next message, costs less. */
const LINGER_MS = 30_000;
/** Live conversations followed without a subscriber; beyond, the one that was used longest ago ends. */
const MAX_LINGERING = 1_000;

/** The feeds of the conversations that have a member or subscriber connected here. */
export class FeedHub {
  readonly #services: HubServices;
  readonly #feeds = new Map<string, Feed>();
  /** Feeds without a subscriber, and until when they are kept; the one that was used longest ago first. */
  readonly #lingering = new Map<Feed, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(services: HubServices) {
    this.#services = services;
    this.#timer = setInterval(() => this.#sweep(Date.now()), LINGER_MS / 4);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Somebody here writes to a live conversation, and may go on: followed for a while, so that who may do so is remembered and not read from
   * the store each time.
   */
  keep(conversationId: string): void {
    const known = this.#feeds.get(conversationId);
    if (known) {
      if (this.#lingering.has(known)) this.#linger(known);
      return;
    }
    const feed = this.#create(conversationId);
    this.#hold(feed);
    // One that can't be subscribed to ends here; the next message tries again.
    feed.ready.catch(() => undefined).finally(() => this.#release(feed));
  }

  feed(conversationId: string): Feed | undefined {
    return this.#feeds.get(conversationId);
  }

  /** Rejects with CodedError `unavailable` if the conversation can't be subscribed to; the subscriber has then not joined. */
  async join(conversationId: string, subscriber: Subscriber, resumption?: Resumption): Promise<Position> {
    const feed = this.#feeds.get(conversationId) ?? this.#create(conversationId);
    // Counted as a user before it is ready, so that nobody else's leaving ends the feed meanwhile.
    this.#hold(feed);
    try {
      await feed.ready;
      return resumption ? await this.#resume(feed, subscriber, resumption) : feed.add(subscriber);
    } finally {
      this.#release(feed);
    }
  }

  leave(conversationId: string, subscriber: Subscriber): void {
    const feed = this.#feeds.get(conversationId);
    if (!feed) return;
    feed.delete(subscriber);
    this.#endIfUnused(feed);
  }

  onEvent(conversationId: string, event: LogEvent): void {
    this.#feeds.get(conversationId)?.accept(event);
  }

  onResubscribed(conversationIds: readonly string[]): void {
    for (const conversationId of conversationIds) this.#feeds.get(conversationId)?.catchUp();
  }

  readonly #holds = new Map<Feed, number>();

  #hold(feed: Feed): void {
    this.#holds.set(feed, (this.#holds.get(feed) ?? 0) + 1);
  }

  #release(feed: Feed): void {
    const left = (this.#holds.get(feed) ?? 1) - 1;
    if (left > 0) this.#holds.set(feed, left);
    else this.#holds.delete(feed);
    this.#endIfUnused(feed);
  }

  #endIfUnused(feed: Feed): void {
    if (this.#isUsed(feed)) return;
    if (isLive(feed.conversationId) && feed.live) this.#linger(feed);
    else this.#end(feed);
  }

  #isUsed(feed: Feed): boolean {
    return feed.size > 0 || this.#holds.has(feed) || this.#feeds.get(feed.conversationId) !== feed;
  }

  #linger(feed: Feed): void {
    this.#lingering.delete(feed);
    this.#lingering.set(feed, Date.now() + LINGER_MS);
    const [oldest] = this.#lingering.keys();
    if (this.#lingering.size > MAX_LINGERING && oldest) this.#endLingering(oldest);
  }

  #sweep(now: number): void {
    for (const [feed, until] of this.#lingering) {
      if (until > now) return;
      this.#endLingering(feed);
    }
  }

  /** It may have been taken up again. */
  #endLingering(feed: Feed): void {
    this.#lingering.delete(feed);
    if (!this.#isUsed(feed)) this.#end(feed);
  }

  #end(feed: Feed): void {
    this.#feeds.delete(feed.conversationId);
    this.#services.broker.unsubscribeConversation(feed.conversationId);
    this.#services.onEnded(feed.conversationId);
  }

  #create(conversationId: string): Feed {
    const { broker, log, logger, onPending, onDelivered } = this.#services;
    const feed = new Feed(conversationId, broker.subscribeConversation(conversationId), {
      log,
      logger,
      onPending,
      onDelivered,
    });
    this.#feeds.set(conversationId, feed);
    return feed;
  }

  /** Whoever has read all there is must be added in the same turn, or what comes in between is missed. */
  async #resume(feed: Feed, subscriber: Subscriber, { after, onResumed, onMissed }: Resumption): Promise<Position> {
    for (let cursor = after; ; ) {
      const { recovered, events } = await feed.read(cursor);
      if (!recovered) {
        onResumed(false, feed.position);
        return feed.add(subscriber);
      }
      if (cursor === after) onResumed(true, feed.position);
      if (events.length === 0 && feed.isAt(cursor)) return feed.add(subscriber);
      if (!(await onMissed(events))) return feed.position;
      this.#services.onDelivered(events.length);
      cursor = events.at(-1)?.position ?? { ...cursor };
    }
  }
}
