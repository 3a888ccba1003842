import type { ConversationChanged, Position, Resumed } from "@chatcluster/protocol";
import type { History, Message, MessageEvent } from "./frames.ts";
import { earlierId, FIRST_MESSAGE_ID } from "./message-id.ts";
import { SeenMessages } from "./seen-messages.ts";

/** Events of one conversation that wait for what comes before them. More than this are dropped, and asked for again. */
const MAX_HELD = 1_000;
/** How long the server may take to send what it announced, in milliseconds, before it is asked again. */
const CATCH_UP_TIMEOUT_MS = 10_000;
/** Two servers may store two messages the other way round than they named them; history is read from this much before the last one. */
const HISTORY_OVERLAP_MS = 30_000;

/** What has a place in a conversation's log. */
export type LogFrame = MessageEvent | ConversationChanged;

export interface FeedHooks {
  /** Hands a message over: each one once, in the order of the log. */
  deliver(message: Message): void;
  /** Hands a change over: in the order of the log, each one once as long as the log lives. */
  changed(event: ConversationChanged): void;
  /** A message of the offline list has been dealt with, be it new or a duplicate: the server keeps it there until it hears so. */
  flushed(message: Message): void;
  /**
   * Something is missing: asks the server to resume, and hands the answer to `onResumed`.
   * @returns whether it is asked now; not if it has not answered the last time yet, or there is no connection.
   */
  recover(): boolean;
  /** One page of history after a message. */
  fetchHistory(after: string): Promise<History>;
  /** The history could not be read. */
  historyFailed(error: unknown): void;
  /** All that was missed, up to now, has been handed over. */
  settled?(): void;
}

/** Message ids between which nothing is missing. */
export interface FeedBounds {
  /** Ends what was before the user was a member: that is history, of which nothing is handed over. Absent if it was from the beginning. */
  readonly after?: string;
  /** The last message of the time when the client first heard of the conversation: what is missing comes after it, or by the offline list. */
  readonly lastMessageId?: string;
}

type State =
  /** Everything up to `position` has been handed over. */
  | "live"
  /** The server has been, or will be, asked for what comes after `position`. */
  | "resuming"
  /** The server sends what comes after `position`, up to `#target`. */
  | "replaying"
  /** The log does not reach back: the history is being read, and the log's events wait until it is. */
  | "history";

/**
 * What the client knows of one conversation's log, and how it closes a gap: an event that does not follow on the last one, or is of another
 * epoch, waits until the server has resumed from the last position, or else until the history has been read.
 */
export class ConversationFeed {
  readonly #hooks: FeedHooks;
  /** Outlives the feed: who leaves and is invited again may be sent once more what was given before. */
  readonly seen: SeenMessages;
  readonly #joinedAfter: string;
  readonly #baseline: string;
  #position: Position | undefined;
  #state: State = "live";
  #target = 0;
  #held: LogFrame[] = [];
  /** Of what is held, that which was there when the server was last asked: what its answer does not bring before these is not older than they are. */
  #heldWhenAsked: ReadonlySet<LogFrame> = new Set();
  #dropped = false;
  /** No position is known, and none may be taken from an event: what is before it has not been read. */
  #awaitsBeginning = false;
  #historyRun = 0;
  /** The reading that is under way while the state is "history", if it has begun. */
  #reading: { after: string; position: Position | undefined } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param position where the log stood when the client first heard of the conversation, if it is known.
   * @param bounds what came before them is history, for the application to fetch if it wants to.
   * @param seen what the application has had of the conversation.
   */
  constructor(
    hooks: FeedHooks,
    position?: Position,
    { after = FIRST_MESSAGE_ID, lastMessageId = after }: FeedBounds = {},
    seen: SeenMessages = new SeenMessages(),
  ) {
    this.seen = seen;
    this.#hooks = hooks;
    this.#position = position;
    this.#joinedAfter = after;
    this.#baseline = lastMessageId;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** The last message that has been handed over. */
  get lastMessageId(): string | undefined {
    return this.seen.last;
  }

  onEvent(event: LogFrame): void {
    const { position } = event;
    if (position) this.#onPlaced(event, position);
    else if (event.type === "message") this.#onUnplaced(event);
  }

  /**
   * From the offline list. While something older may still come from the log or the history, it waits to take its place there. Also when
   * live: what another device of the user left behind comes here too, and may overtake events that are still on their way.
   */
  #onUnplaced(event: MessageEvent): void {
    // Of an earlier stay, or of the moment of the invitation.
    if (event.message.id <= this.#joinedAfter) this.#hooks.flushed(event.message);
    else if (this.#state === "live" && (!this.#position || this.seen.has(event.message.id)))
      this.#deliverFlushed(event.message);
    else {
      this.#hold(event);
      this.#enter(this.#state === "live" ? "resuming" : this.#state);
    }
  }

  #onPlaced(event: LogFrame, position: Position): void {
    // Its own place is not where the client's knowledge begins: that is known when the history has been read.
    if (this.#awaitsBeginning) {
      this.#hold(event);
      return;
    }
    this.#position ??= { epoch: position.epoch, offset: position.offset - 1 };
    if (this.#state === "history") this.#hold(event);
    else if (position.epoch === this.#position.epoch && position.offset <= this.#position.offset + 1) {
      this.#advance(event, position);
      this.#release();
    } else {
      this.#hold(event);
      this.#enter(this.#state === "live" ? "resuming" : this.#state);
    }
  }

  /** The conversation is new to the client, and the server is about to say where it stands: what came before that is in the history. */
  expectBeginning(): void {
    this.#awaitsBeginning = true;
    this.expectResumed();
  }

  /** A login tells the server the position: its `resumed` is to come. */
  expectResumed(): void {
    this.#historyRun++;
    this.#held = [];
    this.#heldWhenAsked = new Set();
    this.#watch();
    this.#state = "resuming";
  }

  onResumed({ recovered, position }: Pick<Resumed, "recovered" | "position">): void {
    const own = this.#position;
    const sameLog = own?.epoch === position.epoch;
    if (sameLog && own.offset >= position.offset) this.#settle();
    else if (sameLog && recovered) {
      this.#target = position.offset;
      this.#watch();
      this.#state = "replaying";
      this.#release();
    } else void this.#readHistory(this.#after(), position);
  }

  /** What comes from now on waits for `readHistoryAfter`, which is about to be called. */
  expectHistory(): void {
    if (this.#state !== "live") return;
    this.#state = "history";
    this.#reading = undefined;
    this.#watch();
  }

  /** Reads the history after a message (all of it, if absent) and hands over what has not been: the offline list did not reach that far. */
  readHistoryAfter(messageId: string = FIRST_MESSAGE_ID): void {
    void this.#readHistory(messageId < this.#joinedAfter ? this.#joinedAfter : messageId, undefined);
  }

  /** Reads on from what has been handed over: nothing older is missing of a conversation that the client knows from its beginning. */
  readHistoryOn(): void {
    void this.#readHistory(this.#after(), undefined);
  }

  /** Nothing will be asked for any more. */
  stop(): void {
    this.#historyRun++;
    clearTimeout(this.#timer);
  }

  #after(): string {
    const last = this.seen.last;
    if (last === undefined) return this.#baseline;
    const overlapping = earlierId(last, HISTORY_OVERLAP_MS);
    if (overlapping < this.#baseline) return this.#baseline;
    return overlapping;
  }

  async #readHistory(from: string, at: Position | undefined): Promise<void> {
    const run = ++this.#historyRun;
    const { after, position } = this.#begin(from, at);
    clearTimeout(this.#timer);
    this.#state = "history";
    try {
      for (let from = after; ; ) {
        this.#heldWhenAsked = new Set(this.#held);
        const { messages, more } = await this.#hooks.fetchHistory(from);
        // A later login took over: it begins anew from what had been handed over by then.
        if (run !== this.#historyRun) return;
        for (const message of messages) this.#deliver(message);
        const last = messages.at(-1);
        if (!more || !last) break;
        from = last.id;
      }
    } catch (error) {
      if (run !== this.#historyRun) return;
      this.#watch();
      this.#state = "resuming";
      this.#hooks.historyFailed(error);
      return;
    }
    // A `resumed` came in the meantime, and what it announced is on its way.
    if (this.#state !== "history") return;
    if (position) this.#position = position;
    this.#awaitsBeginning = false;
    this.#settle();
  }

  /** A reading takes the place of one that is under way, and so has to reach as far, and to end where that would have. */
  #begin(from: string, at: Position | undefined): { after: string; position: Position | undefined } {
    const replaced = this.#state === "history" ? this.#reading : undefined;
    const after = replaced && replaced.after < from ? replaced.after : from;
    this.#reading = { after, position: at ?? replaced?.position };
    return this.#reading;
  }

  #advance(event: LogFrame, position: Position): void {
    const isNew = position.offset > (this.#position?.offset ?? -1);
    // An offset that was passed before is no proof that its message was: the first position that a client hears may be ahead of its events.
    if (event.type === "message") {
      this.#deliverUnplacedBefore(event.message.id);
      this.#deliver(event.message);
    } else if (isNew) this.#hooks.changed(event);
    if (isNew) this.#position = position;
  }

  /** What follows on the position is newer than anything that the log still has to send, and so than all of the list that is older than it. */
  #deliverUnplacedBefore(id: string): void {
    if (this.#held.length === 0) return;
    const older: Message[] = [];
    this.#held = this.#held.filter((event) => {
      if (event.position || event.type !== "message" || event.message.id > id) return true;
      older.push(event.message);
      return false;
    });
    older.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const message of older) this.#deliverFlushed(message);
  }

  /** Hands over what follows on the position by now. */
  #release(): void {
    if (this.#held.length > 0) {
      const held = this.#held.sort((a, b) => (a.position?.offset ?? 0) - (b.position?.offset ?? 0));
      this.#held = held.filter(({ position }) => !position);
      for (const event of held) {
        const { position } = event;
        const own = this.#position;
        if (!position) continue;
        if (position.epoch !== own?.epoch || position.offset > own.offset + 1) this.#held.push(event);
        else this.#advance(event, position);
      }
    }
    if (this.#state === "replaying" && (this.#position?.offset ?? 0) >= this.#target) this.#settle();
  }

  /** The gap is closed: what was held follows, or shows the next gap. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#state = "live";
    this.#release();
    const loose = this.#takeLoose();
    const messages = loose.filter((event) => event.type === "message");
    messages.sort((a, b) => (a.message.id < b.message.id ? -1 : 1));
    for (const { message, position } of messages) {
      if (position) this.#deliver(message);
      else this.#deliverFlushed(message);
    }
    for (const event of loose) if (event.type === "conversation_changed") this.#hooks.changed(event);
    if (this.#held.length > 0 || this.#dropped) this.#enter("resuming");
    else this.#hooks.settled?.();
    this.#dropped = false;
  }

  /**
   * Of the offline list, or of an epoch that is over: no position to wait for. What came after the server was asked may have overtaken something that is
   * on its way (the list has no own messages, and a log may have begun anew meanwhile), so it stays until the server has been asked once more.
   */
  #takeLoose(): LogFrame[] {
    const own = this.#position;
    const isLoose = (event: LogFrame) =>
      own === undefined ||
      (event.position?.epoch !== own.epoch &&
        (this.#heldWhenAsked.has(event) || (event.type === "message" && this.seen.has(event.message.id))));
    const { loose = [], waiting = [] } = Object.groupBy(this.#held, (event) => (isLoose(event) ? "loose" : "waiting"));
    this.#held = waiting;
    return loose;
  }

  #enter(state: State): void {
    const wasLive = this.#state === "live";
    this.#state = state;
    if (!wasLive) return;
    this.#watch();
    this.#ask();
  }

  #ask(): void {
    if (this.#hooks.recover()) this.#heldWhenAsked = new Set(this.#held);
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#watch();
      // Without a position there is nothing that the server could resume from.
      if (this.#awaitsBeginning) {
        void this.#readHistory(this.#after(), this.#reading?.position);
        return;
      }
      this.#state = "resuming";
      this.#ask();
    }, CATCH_UP_TIMEOUT_MS);
  }

  #hold(event: LogFrame): void {
    if (this.#held.length < MAX_HELD) this.#held.push(event);
    else this.#dropped = true;
  }

  #deliverFlushed(message: Message): void {
    this.#deliver(message);
    this.#hooks.flushed(message);
  }

  #deliver(message: Message): void {
    if (this.seen.add(message.id)) this.#hooks.deliver(message);
  }
}
