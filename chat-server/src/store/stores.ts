import type { Conversation, Member, Message, Receipt, Rights, Role } from "@chatcluster/protocol";

/** The messages of all conversations, newest first as chat reads them. */
export interface MessageStore {
  /** Resolves once the message is durable. Inserting the same message again changes nothing. */
  insert(message: Message): Promise<void>;
  /** Removes a message that was stored and never committed. */
  delete(conversationId: string, messageId: string): Promise<void>;
  get(conversationId: string, messageId: string): Promise<Message | undefined>;
  /** Changes a message that exists. Of several the one with the greatest `changeId`, the change's id in the log, stays. */
  edit(change: MessageChange & { text: string }): Promise<void>;
  /** Empties a message that exists, for good: an edit does not bring it back. */
  erase(change: MessageChange): Promise<void>;
  /**
   * A page, newest first before `before`, or oldest first after `after`; without both the newest. `more` tells whether others follow in
   * that direction.
   */
  page(query: MessageQuery): Promise<{ messages: Message[]; more: boolean }>;
}

export interface MessageChange {
  conversationId: string;
  messageId: string;
  changeId: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface MessageQuery {
  conversationId: string;
  before?: string | undefined;
  after?: string | undefined;
  limit: number;
}

export interface ConversationStore {
  /** Stores the conversation and its members, or gives the one that has the same id. Repeating it finishes what a crash cut short. */
  create(conversation: Conversation): Promise<Conversation>;
  /** With its members and their receipts. */
  get(conversationId: string): Promise<Conversation | undefined>;
  /** Adds members. Repeating it changes nothing but the time. `joinedAt`: of the change in the log, in milliseconds since 1970. */
  addMembers(
    conversationId: string,
    members: readonly { userId: string; role: Role }[],
    joinedAt: number,
  ): Promise<void>;
  /** Gives a member another role. */
  setRole(conversationId: string, userId: string, role: Role): Promise<void>;
  /** When a member was added; undefined of one who was there from the beginning, and of who is none. */
  joinedAt(conversationId: string, userId: string): Promise<number | undefined>;
  removeMember(conversationId: string, userId: string): Promise<void>;
  rename(conversationId: string, title: string): Promise<void>;
  /** Who may subscribe and publish, from now on. */
  setRights(conversationId: string, rights: Rights): Promise<void>;
  /**
   * Runs `work` while nobody else, on any server, runs something so for the conversation.
   * @throws CodedError `unavailable` if that takes too long; what `work` throws
   */
  exclusively<Value>(conversationId: string, work: () => Promise<Value>): Promise<Value>;
  /** Ids of a user's conversations, rising, after `after`. */
  idsOf(userId: string, after: string | undefined, limit: number): Promise<string[]>;
}

export interface ReceiptStore {
  /** Moves a member's mark forward; one that is already further stays, whatever the order in which the calls arrive. */
  advance(receipt: Receipt): Promise<void>;
  /** How far a member has come; nothing of one who is none, or has not begun. */
  of(conversationId: string, userId: string): Promise<Pick<Member, "deliveredUpTo" | "readUpTo">>;
}

export interface Device {
  userId: string;
  deviceId: string;
  push?: { provider: "apns" | "fcm" | "webpush"; token: string } | undefined;
}

export interface StoredDevice extends Device {
  /** `registeredAt`: when the token was stored last, in ms since 1970. */
  push?: (NonNullable<Device["push"]> & { registeredAt: number }) | undefined;
}

export interface DeviceStore {
  /**
   * Stores the device, with its push token if it has one; without one a token stored before stays. A token is of one device: the one that had it
   * before, of whatever user, has none from now on.
   */
  save(device: Device): Promise<void>;
  ofUser(userId: string): Promise<StoredDevice[]>;
  /** Removes the device's push token, unless it has been stored after `registeredUpTo` (ms since 1970). The device stays. */
  removePushToken(userId: string, deviceId: string, registeredUpTo: number): Promise<void>;
}

/**
 * The durable side. Every method rejects with CodedError `unavailable` while the database is away; a write that was rejected may have
 * taken effect, and may be repeated.
 */
export interface Stores {
  messages: MessageStore;
  conversations: ConversationStore;
  receipts: ReceiptStore;
  devices: DeviceStore;
  /** Resolves without waiting for a database that is away: it is tried until it is there. */
  start(): Promise<void>;
  close(): Promise<void>;
  /** What is missing, in words; undefined when it works. */
  problem(): string | undefined;
}
