import type { Presence } from "@chatcluster/protocol";

/** A message that waits for a user without a connection: its JSON, which begins with `id` and `conversationId`. */
export interface OfflineEntry {
  conversationId: string;
  messageId: string;
  body: string;
}

/**
 * Where users are connected, and what waits for those who are not. Every method rejects with CodedError `unavailable` while its store is away.
 *
 * The order that loses nothing. Login: subscribe to the user's channel, `register`, then read the list. Sender: commit, ask `offlineAmong`, then
 * `push`, which publishes a notice on the user's channel. A push that a login's reading has missed came after `register`, hence after the
 * subscription, so its notice arrives and the list is read again.
 */
export interface UserDirectory {
  start(): Promise<void>;
  close(): Promise<void>;

  /** This server holds a connection of the user. Tells whether a server has died that held one, so that what it wrote may be lost. */
  register(userId: string): Promise<{ unclean: boolean }>;
  /** This server holds none any more. Tells how many other servers do. */
  unregister(userId: string): Promise<number>;
  /** Renews the registrations of all these users: to be called more often than they expire. */
  renew(userIds: readonly string[]): Promise<void>;
  /** Milliseconds until a registration expires that nobody renews. */
  readonly ttlMs: number;

  /** Those of the users that no server has registered. One round trip. */
  offlineAmong(userIds: readonly string[]): Promise<string[]>;

  /**
   * Whether each of the users is connected, and when it last was: to within a renewal if its server died, unknown if never. One round trip,
   * in the order asked for.
   */
  presenceOf(userIds: readonly string[]): Promise<Presence[]>;

  /**
   * Appends to each user's list; past the bound the oldest go and the list is marked as overflown. One round trip. `notify` publishes on the
   * user's channel, so that a server that has just got a connection of the user reads the list again.
   */
  push(userIds: readonly string[], entries: readonly OfflineEntry[], notify: boolean): Promise<void>;
  /** Oldest first; the same message may be in it twice. */
  list(userId: string): Promise<{ entries: OfflineEntry[]; overflow: boolean }>;
  /** How many entries the list has. One command. */
  waiting(userId: string): Promise<number>;
  /** Removes the entries of a conversation up to and including a message. */
  acknowledge(userId: string, conversationId: string, upTo: string): Promise<void>;
  markOverflow(userId: string): Promise<void>;
  clearOverflow(userId: string): Promise<void>;
}

/** Published on a user's channel after a push. */
export const OFFLINE_NOTICE = "offline";

const HEAD = /^\{"id":"([0-9A-Z]+)","conversationId":"([^"]+)"/;

/** Reads the head of a stored message; undefined if it is not one. */
export function offlineEntry(body: string): OfflineEntry | undefined {
  const [, messageId, conversationId] = HEAD.exec(body) ?? [];
  return messageId === undefined || conversationId === undefined ? undefined : { messageId, conversationId, body };
}
