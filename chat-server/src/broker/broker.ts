import type { Position } from "@chatcluster/protocol";

/** A message's claim on its place in a conversation's order. */
export interface Claim {
  conversationId: string;
  senderId: string;
  /** The sender's own name for the message. */
  clientId: string;
  /** Digest of what is sent, so that one `clientId` can't stand for two texts. Letters and digits. */
  digest: string;
}

export type Reserved =
  /** The place is the caller's to fill: store the message under this id, then commit. A retry gets the same place. */
  | { outcome: "reserved"; messageId: string; sentAt: number; replaces?: string }
  /** An earlier try has been committed: there is nothing left to store. */
  | { outcome: "committed"; messageId: string; sentAt: number }
  /** The name stands for another text. */
  | { outcome: "conflict" }
  /** No log: call {@link Broker.open} and try again. */
  | { outcome: "cold" };

/** What the store knows about a conversation whose log is to begin. */
export interface LogSeed {
  /** What {@link Broker.settled} gave before the store was read. */
  run: string;
  /** The last message: new ones come after it. Empty without messages. */
  lastId: string;
  /** Recent messages, so that a retry of one of them is still known. */
  recent: { senderId: string; clientId: string; digest: string; messageId: string; sentAt: number }[];
}

export interface LogEvent {
  position: Position;
  messageId: string;
  /** The message, or the change, as JSON text, as it was committed. */
  body: string;
}

export interface LogRead {
  /** False: the log no longer reaches back to `after` (or is another one); `events` is empty. */
  recovered: boolean;
  /** Where the log ends now. */
  position: Position;
  events: LogEvent[];
  /** Some message is reserved and not published: see {@link Broker.stale}. */
  pending: boolean;
  /**
   * The last message or change that has its place: all up to here are published, or were when the log began. Empty if there is none; absent
   * if the log does not know, for an earlier version of the server began it.
   */
  last?: string;
}

export interface BrokerListener {
  /** In log order, unless the subscription was lost in between: then offsets jump. */
  onEvent(conversationId: string, event: LogEvent): void;
  /** A committed message waits for an earlier one, which may never come: look at {@link Broker.stale} before long. */
  onHeld(conversationId: string): void;
  /** See {@link Broker.invalidate}. */
  onInvalidated(conversationId: string): void;
  onUserEvent(userId: string, payload: string): void;
  onTopic(topic: string, payload: string): void;
  /** Subscriptions were lost and are there again: what was published to these in between did not arrive. */
  onResubscribed(missed: { conversationIds: readonly string[]; userIds: readonly string[] }): void;
}

/**
 * The order of each conversation, its recent log, and publishing to every server.
 *
 * The order is the order of reservations: message ids of a conversation rise in it, and the log and the publications follow it, so that live
 * delivery and the stored history agree. A message is reserved, then stored, then committed. A commit whose predecessor is reserved and not
 * yet committed is *held* and published together with it. A reservation whose holder died is settled by whoever notices: committed if the
 * store has the message, abandoned otherwise.
 *
 * A log that is lost begins again under a new epoch; offsets of one epoch have no holes. Every method rejects with CodedError `unavailable`
 * while the broker is away; a call that was rejected may have taken effect, and may be repeated.
 */
export interface Broker {
  start(listener: BrokerListener): Promise<void>;
  close(): Promise<void>;
  /** What is missing, in words; undefined when it works. */
  problem(): string | undefined;

  /** One round trip. Idempotent for (conversation, sender, clientId) for 24 hours. */
  reserve(claim: Claim): Promise<Reserved>;
  /**
   * Resolves when whatever was reserved in an earlier run, which is forgotten, has had the time to reach the store: what the store has then is
   * all that a new log has to know. Gives the run.
   */
  settled(conversationId: string): Promise<string>;
  /** Begins the log if there is none. Tells the position either way; undefined if the run has changed since the seed was gathered. */
  open(conversationId: string, seed: LogSeed): Promise<Position | undefined>;
  /**
   * One round trip: appends, counts and publishes. `held`: will be published when its predecessor is settled. `abandoned`: somebody gave
   * the reservation up; reserve again. Committing twice is committing once.
   */
  commit(claim: Claim, messageId: string, body: string): Promise<"published" | "held" | "abandoned">;
  /** Gives a reservation up that was not committed, and publishes what waited for it. */
  abandon(conversationId: string, messageId: string): Promise<void>;
  /** Ids reserved longer than `ageMs` ago and not committed, in order; and whether any reservation is left to look at later. */
  stale(conversationId: string, ageMs: number): Promise<{ messageIds: string[]; pending: boolean }>;

  /** Events after a position, oldest first, at most `limit`; without `after` only the position. Undefined: no log. */
  read(conversationId: string, after: Position | undefined, limit: number): Promise<LogRead | undefined>;

  /** Counted: as many `unsubscribe` as `subscribe`. Resolves when what is published from now on arrives. */
  subscribeConversation(conversationId: string): Promise<void>;
  unsubscribeConversation(conversationId: string): void;
  /** Tells every server that is subscribed to the conversation to forget what it remembers of its members. */
  invalidate(conversationId: string): Promise<void>;
  subscribeUser(userId: string): Promise<void>;
  unsubscribeUser(userId: string): void;
  /** Topics carry what is worth nothing later: counted like the channels, and nothing is kept or resumed. Names hold no braces. */
  subscribeTopic(topic: string): Promise<void>;
  unsubscribeTopic(topic: string): void;
  publishTopic(topic: string, payload: string): Promise<void>;
  /** Resolves when all that was published before the call and is subscribed to has been given to the listener. */
  barrier(): Promise<void>;
  /** Tells every server at which one of the users is subscribed. One round trip for all. */
  publishToUsers(userIds: readonly string[], payload: string): Promise<void>;
}
