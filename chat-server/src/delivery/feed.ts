import type { Logger } from "@chatcluster/foundation/logger";
import { type ConversationChange, type ErrorCode, encodeMessage, type Position } from "@chatcluster/protocol";
import type { LogEvent } from "../broker/broker.ts";
import { isLive } from "../conversation/conversation-id.ts";
import type { ConversationLog } from "../conversation/conversation-log.ts";
import { binaryMessage, changeOf, senderOf } from "../conversation/message-json.ts";
import { OutboundFrame } from "../session/outbound-frame.ts";
import type { HubServices } from "./feed-hub.ts";
import { RecentEvents } from "./recent-events.ts";

/** An event of a conversation on its way to this server's sessions. */
export interface FeedEvent {
  conversationId: string;
  position: Position;
  messageId: string;
  senderId: string;
  body: string;
  /** What it is if it is no message; `messageId` is then the change's id, and `senderId` who made it. */
  change?: ConversationChange;
  frame: OutboundFrame;
}

export interface Subscriber {
  readonly userId: string;
  onEvent(event: FeedEvent): void;
  /** The log begins anew or no longer reaches back: what is missing is in the history, what follows comes after `position`. `frame` says so. */
  onGap(conversationId: string, position: Position, frame: OutboundFrame): void;
  /** The user may not read the live conversation any more. */
  onRevoked(conversationId: string, code: ErrorCode): void;
}

/** Events read from the log at once. */
const PAGE = 200;
/** Connections that get one event in one turn of the event loop; a synchronous loop over all of 17,000 would hold it for 126 ms. */
const FAN_OUT_CHUNK = 1_000;
/** Messages whose sender is remembered, for receipts. */
const RECENT = 64;

/**
 * One conversation's events, in order and without holes, to those of its members who are connected here.
 *
 * What is published may arrive with holes (the subscription was lost) or late; the feed counts offsets, and reads the log where they jump.
 */
export class Feed {
  readonly conversationId: string;
  /** Settled when the feed is subscribed and knows its position. */
  readonly ready: Promise<void>;
  readonly #log: ConversationLog;
  readonly #logger: Logger;
  readonly #onPending: (conversationId: string) => void;
  readonly #onDelivered: (count: number) => void;
  /** Subscriber → offset up to which it has been served when it joined. */
  readonly #subscribers = new Map<Subscriber, number>();
  readonly #recent = new Map<string, string>();
  /** Of live conversations, whose subscribers come and go in crowds. */
  readonly #kept: RecentEvents | undefined;
  readonly #queue: FeedEvent[] = [];
  #position: Position = { epoch: "", offset: 0 };
  #pumping = false;
  #catchUp: Promise<void> | undefined;
  #catchUpAgain = false;

  constructor(
    conversationId: string,
    subscribe: Promise<void>,
    services: Pick<HubServices, "log" | "logger" | "onPending" | "onDelivered">,
  ) {
    this.conversationId = conversationId;
    this.#kept = isLive(conversationId) ? new RecentEvents() : undefined;
    this.#log = services.log;
    this.#logger = services.logger;
    this.#onPending = services.onPending;
    this.#onDelivered = services.onDelivered;
    this.ready = subscribe.then(() => this.#begin());
  }

  get size(): number {
    return this.#subscribers.size;
  }

  get position(): Position {
    return this.#position;
  }

  subscribers(): Iterable<Subscriber> {
    return this.#subscribers.keys();
  }

  /** Subscribed: what is published arrives. */
  get live(): boolean {
    return this.#position.epoch !== "";
  }

  /** Who sent a message that came by lately. */
  senderOf(messageId: string): string | undefined {
    return this.#recent.get(messageId);
  }

  /** Ids and senders of messages that came by lately, oldest first. */
  get recent(): ReadonlyMap<string, string> {
    return this.#recent;
  }

  /** Nothing between a position and the feed's own. */
  isAt({ epoch, offset }: Position): boolean {
    return epoch === this.#position.epoch && offset >= this.#position.offset;
  }

  /** From now on the subscriber gets every event after the position that is returned. */
  add(subscriber: Subscriber): Position {
    this.#subscribers.set(subscriber, this.#position.offset);
    return this.#position;
  }

  delete(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Events after a position, up to where the feed is: what {@link add} then goes on from. */
  async read(after: Position): Promise<{ recovered: boolean; events: FeedEvent[] }> {
    const { epoch, offset } = this.#position;
    if (after.epoch !== epoch) return { recovered: false, events: [] };
    // Ahead of the feed is possible: the position came from another server and the publication is on its way.
    if (after.offset >= offset) return { recovered: true, events: [] };
    const kept = this.#kept?.after(after.offset);
    if (kept) return { recovered: true, events: kept };
    const read = await this.#log.read(this.conversationId, after, PAGE);
    if (read.pending) this.#onPending(this.conversationId);
    const known = this.#position;
    const events = read.events.filter(
      (event) => event.position.epoch === known.epoch && event.position.offset <= known.offset,
    );
    return { recovered: read.recovered, events: events.map((event) => this.#prepare(event)) };
  }

  /** Takes an event as it was published. */
  accept(event: LogEvent): void {
    if (this.#position.epoch === "") return;
    const { epoch, offset } = event.position;
    if (epoch === this.#position.epoch) {
      if (offset <= this.#position.offset) return;
      if (offset === this.#position.offset + 1 && !this.#catchUp) {
        this.#advance(event);
        return;
      }
    }
    this.catchUp();
  }

  /** Reads what the log has beyond the feed's position: after a hole, or when the subscription has been renewed. */
  catchUp(): void {
    if (this.#catchUp) {
      this.#catchUpAgain = true;
      return;
    }
    this.#catchUp = this.#readToEnd().then(
      () => {
        this.#catchUp = undefined;
      },
      (error: unknown) => {
        this.#catchUp = undefined;
        this.#logger.warn({ err: error, conversationId: this.conversationId }, "log not read; will try again");
        setTimeout(() => this.#subscribers.size > 0 && this.catchUp(), 500 + Math.random() * 500).unref();
      },
    );
  }

  async #begin(): Promise<void> {
    const { position, pending } = await this.#log.read(this.conversationId, undefined, 0);
    this.#position = position;
    if (pending) this.#onPending(this.conversationId);
  }

  async #readToEnd(): Promise<void> {
    do {
      this.#catchUpAgain = false;
      const read = await this.#log.read(this.conversationId, this.#position, PAGE);
      if (read.pending) this.#onPending(this.conversationId);
      if (!read.recovered) this.#lose(read.position);
      for (const event of read.events) this.#advance(event);
      if (this.#position.offset < read.position.offset) this.#catchUpAgain = true;
    } while (this.#catchUpAgain);
  }

  #lose(position: Position): void {
    this.#position = position;
    this.#kept?.clear();
    const { conversationId } = this;
    const frame = OutboundFrame.of({ type: "resumed", conversationId, recovered: false, position });
    for (const subscriber of this.#subscribers.keys()) {
      this.#subscribers.set(subscriber, position.offset);
      subscriber.onGap(conversationId, position, frame);
    }
  }

  #advance(event: LogEvent): void {
    this.#position = event.position;
    const prepared = this.#prepare(event);
    if (this.#kept) this.#kept.add(prepared);
    else if (!prepared.change) this.#recent.set(event.messageId, prepared.senderId);
    if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value ?? "");
    this.#queue.push(prepared);
    if (!this.#pumping) void this.#pump();
  }

  #prepare({ position, messageId, body }: LogEvent): FeedEvent {
    const { epoch, offset } = position;
    const { conversationId } = this;
    const at = `"position":{"epoch":${JSON.stringify(epoch)},"offset":${offset}}}`;
    const change = changeOf(body);
    if (change) {
      const text = `{"type":"conversation_changed","conversationId":${JSON.stringify(conversationId)},${body.slice(1, -1)},${at}`;
      return { conversationId, position, messageId, senderId: change.by, body, change, frame: new OutboundFrame(text) };
    }
    const binary = this.#kept ? () => encodeMessage(binaryMessage(body, position)) : undefined;
    const frame = new OutboundFrame(`{"type":"message","message":${body},${at}`, binary);
    return { conversationId, position, messageId, senderId: senderOf(body), body, frame };
  }

  /** Runs to its end without a pause for all but the largest conversations. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    let served = 0;
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      const before = served;
      for (const [subscriber, joinedAt] of this.#subscribers) {
        if (event.position.epoch === this.#position.epoch && event.position.offset <= joinedAt) continue;
        subscriber.onEvent(event);
        if (++served % FAN_OUT_CHUNK === 0) await new Promise(setImmediate);
      }
      this.#onDelivered(served - before);
    }
    this.#pumping = false;
  }
}
