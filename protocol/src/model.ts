import { type Static, type TSchema, Type } from "typebox";
import { MAX_ID_LENGTH, MAX_MEMBERS, MAX_TEXT_LENGTH, MAX_TITLE_LENGTH } from "./limits.ts";

/** An id that people or programs chose: printable ASCII without spaces, braces and colons, so that it can stand in a key. */
const identifier = (description: string) =>
  Type.String({ minLength: 1, maxLength: MAX_ID_LENGTH, pattern: "^[A-Za-z0-9._@+~|=-]+$", description });

export const UserId = identifier("A user: the `sub` of the token");
export const DeviceId = identifier("A device of a user, chosen by the client and kept by it");
export const ConversationId = identifier("A conversation, named by the server");
export const ClientId = identifier(
  "The client's own name for what it sends: a retry under the same name has no second effect",
);

/** 26 characters in Crockford's base 32 (the ULID layout). Within a conversation the order of the texts is the order of the messages. */
export const MessageId = Type.String({
  pattern: "^[0-9A-HJKMNP-TV-Z]{26}$",
  description: "A message, named by the server",
});

export const Milliseconds = Type.Integer({ minimum: 0, description: "Milliseconds since 1970-01-01T00:00:00Z" });

/**
 * A place in a conversation's log. Offsets of one epoch count up by 1 with every event, so a jump is a gap. A new epoch means that the
 * log began anew (Redis lost it): offsets of different epochs can't be compared.
 */
export const Position = Type.Object(
  { epoch: Type.String({ minLength: 1, maxLength: 32 }), offset: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
);
export type Position = Static<typeof Position>;

export const ConversationKind = Type.Union([Type.Literal("direct"), Type.Literal("group")]);
export type ConversationKind = Static<typeof ConversationKind>;

/** Optional in the types as `exactOptionalPropertyTypes` wants it. */
export const optional = <Schema extends TSchema>(schema: Schema) => Type.Optional(schema);

export const Member = Type.Object({
  userId: UserId,
  /** Last message that a device of the member has; absent before the first. */
  deliveredUpTo: optional(MessageId),
  /** Last message that the member has read; absent before the first. */
  readUpTo: optional(MessageId),
});
export type Member = Static<typeof Member>;

export const Conversation = Type.Object({
  id: ConversationId,
  kind: ConversationKind,
  title: optional(Type.String({ minLength: 1, maxLength: MAX_TITLE_LENGTH })),
  createdBy: UserId,
  createdAt: Milliseconds,
  members: Type.Array(Member, { maxItems: MAX_MEMBERS }),
});
export type Conversation = Static<typeof Conversation>;

export const Message = Type.Object({
  id: MessageId,
  conversationId: ConversationId,
  senderId: UserId,
  clientId: ClientId,
  sentAt: Milliseconds,
  text: Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH }),
});
export type Message = Static<typeof Message>;

export const ReceiptKind = Type.Union([Type.Literal("delivered"), Type.Literal("read")]);
export type ReceiptKind = Static<typeof ReceiptKind>;

/** Cumulative: everything in the conversation up to and including `upTo` has been delivered to (or read by) the user. */
export const Receipt = Type.Object({
  conversationId: ConversationId,
  userId: UserId,
  kind: ReceiptKind,
  upTo: MessageId,
  at: Milliseconds,
});
export type Receipt = Static<typeof Receipt>;
