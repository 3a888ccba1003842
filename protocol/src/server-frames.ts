import { type Static, type TProperties, Type } from "typebox";
import { ErrorCode } from "./codes.ts";
import {
  ClientId,
  Conversation,
  ConversationChange,
  ConversationId,
  Message,
  MessageId,
  Milliseconds,
  optional,
  Position,
  Presence,
  Receipt,
  StreamId,
  UserId,
} from "./model.ts";

const RequestId = Type.Integer({ minimum: 0, description: "The `id` of the frame that this answers" });

const answer = <const Name extends string, Properties extends TProperties>(type: Name, properties: Properties) =>
  Type.Object({ type: Type.Literal(type), re: RequestId, ...properties });

const event = <const Name extends string, Properties extends TProperties>(type: Name, properties: Properties) =>
  Type.Object({ type: Type.Literal(type), ...properties });

/** What this server takes: at most what `limits.ts` has. */
export const Limits = Type.Object({
  /** UTF-16 code units of a message's text. */
  textLength: Type.Integer({ minimum: 1 }),
  /** Bytes of a message of data. */
  dataBytes: Type.Integer({ minimum: 1 }),
  /** Members of one conversation. */
  members: Type.Integer({ minimum: 2 }),
  /** Live conversations that one connection may be subscribed to. */
  subscriptions: Type.Integer({ minimum: 1 }),
});
export type Limits = Static<typeof Limits>;

export const Welcome = answer("welcome", {
  userId: UserId,
  serverId: Type.String(),
  pingIntervalMs: Type.Integer({ minimum: 1 }),
  pongTimeoutMs: Type.Integer({ minimum: 1 }),
  limits: Limits,
  /** On a stream of server-sent events: names it in the client's pings. */
  streamId: optional(StreamId),
});
export type Welcome = Static<typeof Welcome>;

export const Pong = answer("pong", {});
export const Ok = answer("ok", {});
/** Ends what was before the user was a member: the history after it is what came since. Not necessarily the id of a message. Absent if there was nothing. */
const After = optional(MessageId);

export const ConversationAnswer = answer("conversation", {
  conversation: Conversation,
  position: Position,
  after: After,
});
export const Conversations = answer("conversations", {
  conversations: Type.Array(
    Type.Object({ conversation: Conversation, position: Position, lastMessage: optional(Message) }),
  ),
  /** Absent on the last page. */
  nextAfter: optional(ConversationId),
});

/** The acknowledgement of a `send`: the message is stored. A retry gets the same one. */
export const Sent = answer("sent", {
  conversationId: ConversationId,
  clientId: ClientId,
  messageId: MessageId,
  sentAt: Milliseconds,
});
export type Sent = Static<typeof Sent>;

export const History = answer("history", {
  conversationId: ConversationId,
  messages: Type.Array(Message),
  more: Type.Boolean(),
});
export type History = Static<typeof History>;

/** Answer to `subscribe_presence`: how it is now, in the order asked for. */
export const Presences = answer("presences", { presences: Type.Array(Presence) });
export type Presences = Static<typeof Presences>;

/**
 * A live conversation is subscribed to: what follows comes after `position`. `recovered` is there if the client gave a position: true, and
 * that is the position; or false, for the log no longer reaches back to it, and what was missed is in the history.
 */
export const Subscribed = event("subscribed", {
  re: optional(RequestId),
  conversationId: ConversationId,
  position: Position,
  recovered: optional(Type.Boolean()),
  title: Type.String(),
  mayPublish: Type.Boolean(),
  /** When, by the server's clock. */
  at: Milliseconds,
});
export type Subscribed = Static<typeof Subscribed>;

const Code = Type.Enum(Object.values(ErrorCode) as [ErrorCode, ...ErrorCode[]]);

/**
 * Nothing more of a live conversation comes. `code` is absent if the user asked for that; else it says why: the right to it is gone, or it
 * was among a login's positions and could not be subscribed to.
 */
export const Unsubscribed = event("unsubscribed", { conversationId: ConversationId, code: optional(Code) });
export type Unsubscribed = Static<typeof Unsubscribed>;

/**
 * Answer to `resume`, and sent for each conversation of `login.positions`. `recovered`: the events after the position follow. Otherwise
 * the log no longer reaches back: fetch the history after the last message that you have, and go on from `position`.
 */
export const Resumed = event("resumed", {
  re: optional(RequestId),
  conversationId: ConversationId,
  recovered: Type.Boolean(),
  position: Position,
});
export type Resumed = Static<typeof Resumed>;

/** `code` is one of {@link ErrorCode}; a client treats a code that it does not know as `internal`. `re` is absent if the frame had no readable id. */
export const ErrorFrame = event("error", {
  re: optional(RequestId),
  code: Code,
  message: Type.String(),
  retryAfterMs: optional(Type.Integer({ minimum: 0 })),
});
export type ErrorFrame = Static<typeof ErrorFrame>;

/** A message of a conversation, in log order. `position` is absent when it comes from the offline list: order those by message id. */
export const MessageEvent = event("message", { message: Message, position: optional(Position) });
export type MessageEvent = Static<typeof MessageEvent>;

/** A change of a conversation, in log order. Its position counts as a message's does. */
export const ConversationChanged = event("conversation_changed", {
  conversationId: ConversationId,
  change: ConversationChange,
  position: Position,
});
export type ConversationChanged = Static<typeof ConversationChanged>;

/** The user is no member any more: nothing more of the conversation comes. */
export const ConversationRemoved = event("conversation_removed", { conversationId: ConversationId });
export type ConversationRemoved = Static<typeof ConversationRemoved>;

/** A receipt of another member moved forward. */
export const ReceiptEvent = event("receipt", { receipt: Receipt });
export type ReceiptEvent = Static<typeof ReceiptEvent>;

/**
 * The user has been made a member of a conversation. `position` is absent if that was while the device was away: a `resumed` follows, which is not
 * `recovered`.
 */
export const ConversationEvent = event("conversation_added", {
  conversation: Conversation,
  position: optional(Position),
  after: After,
});
export type ConversationEvent = Static<typeof ConversationEvent>;

/** Somebody else types, or does no more, in a conversation that this connection has open. */
export const TypingEvent = event("typing", { conversationId: ConversationId, userId: UserId, active: Type.Boolean() });
export type TypingEvent = Static<typeof TypingEvent>;

/** A user whose presence this connection follows came or went. */
export const PresenceEvent = event("presence", { presence: Presence });
export type PresenceEvent = Static<typeof PresenceEvent>;

/** The offline list overflowed: list the conversations and fetch the history of each after the last message that you have. */
export const OfflineOverflow = event("offline_overflow", {});

/** The server drains: reconnect after `afterMs`; the connection is closed some time later. */
export const Drain = event("drain", { afterMs: Type.Integer({ minimum: 0 }) });
export type Drain = Static<typeof Drain>;

export const ServerFrame = Type.Union([
  Welcome,
  Pong,
  Ok,
  ConversationAnswer,
  Conversations,
  Sent,
  History,
  Presences,
  Subscribed,
  Unsubscribed,
  Resumed,
  ErrorFrame,
  MessageEvent,
  ReceiptEvent,
  ConversationEvent,
  ConversationChanged,
  ConversationRemoved,
  TypingEvent,
  PresenceEvent,
  OfflineOverflow,
  Drain,
]);
export type ServerFrame = Static<typeof ServerFrame>;
