import { type Static, type TProperties, type TSchema, Type } from "typebox";
import { MAX_DATA_BYTES, MAX_ID_LENGTH, MAX_MEMBERS, MAX_TEXT_LENGTH, MAX_TITLE_LENGTH } from "./limits.ts";

/** An id that people or programs chose: printable ASCII without spaces, braces and colons, so that it can stand in a key. */
const identifier = (description: string) =>
  Type.String({ minLength: 1, maxLength: MAX_ID_LENGTH, pattern: "^[A-Za-z0-9._@+~|=-]+$", description });

export const UserId = identifier("A user: the `sub` of the token");
export const DeviceId = identifier("A device of a user, chosen by the client and kept by it");
export const StreamId = identifier("A stream of server-sent events, named by the server");
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

export const ConversationKind = Type.Union([Type.Literal("direct"), Type.Literal("group"), Type.Literal("live")]);
export type ConversationKind = Static<typeof ConversationKind>;

/** Optional in the types as `exactOptionalPropertyTypes` wants it. */
export const optional = <Schema extends TSchema>(schema: Schema) => Type.Optional(schema);

const Right = Type.Union([Type.Literal("anyone"), Type.Literal("members")]);

/** Who may read a live conversation, and who may write to it: whoever has signed in, or only who has a role in it. */
export const Rights = Type.Object({ subscribe: Right, publish: Right }, { additionalProperties: false });
export type Rights = Static<typeof Rights>;

/** Bytes as base 64 (RFC 4648, section 4, with padding). */
export const Data = Type.String({
  minLength: 4,
  maxLength: (MAX_DATA_BYTES / 3) * 4,
  pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  description: "Bytes in base 64",
});

/** What a member of a group or live conversation may do: an owner everything, an admin all but touch owners and admins. */
export const Role = Type.Union([Type.Literal("owner"), Type.Literal("admin"), Type.Literal("member")]);
export type Role = Static<typeof Role>;

export const Member = Type.Object({
  userId: UserId,
  /** In groups and live conversations. */
  role: optional(Role),
  /** When the member was added; absent of those who were there from the beginning. */
  joinedAt: optional(Milliseconds),
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
  /** In live conversations. */
  rights: optional(Rights),
  members: Type.Array(Member, { maxItems: MAX_MEMBERS }),
});
export type Conversation = Static<typeof Conversation>;

export const Message = Type.Object({
  id: MessageId,
  conversationId: ConversationId,
  senderId: UserId,
  clientId: ClientId,
  sentAt: Milliseconds,
  /** Empty once deleted, and of a message of data. */
  text: Type.String({ maxLength: MAX_TEXT_LENGTH }),
  /** Instead of a text, in live conversations. */
  data: optional(Data),
  /** When `text` was changed last. */
  editedAt: optional(Milliseconds),
  deletedAt: optional(Milliseconds),
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

/** Whether a user has a connection; `lastSeenAt` tells when it last had one, if that is known and it has none now. */
export const Presence = Type.Object({
  userId: UserId,
  online: Type.Boolean(),
  lastSeenAt: optional(Milliseconds),
});
export type Presence = Static<typeof Presence>;

const change = <const Name extends string, Properties extends TProperties>(type: Name, properties: Properties) =>
  Type.Object({ type: Type.Literal(type), by: UserId, at: Milliseconds, ...properties });

/** What happens to a conversation beside new messages; it has its place in the log as they have. */
export const ConversationChange = Type.Union([
  change("message_edited", { messageId: MessageId, text: Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH }) }),
  change("message_deleted", { messageId: MessageId }),
  /** `set`: who is new, or has another role. `removed`: who is no member any more, by whatever way. */
  change("members_changed", {
    set: Type.Array(Type.Object({ userId: UserId, role: Role }), { maxItems: MAX_MEMBERS }),
    removed: Type.Array(UserId, { maxItems: MAX_MEMBERS }),
  }),
  change("rights_changed", { rights: Rights }),
  change("renamed", { title: Type.String({ minLength: 1, maxLength: MAX_TITLE_LENGTH }) }),
]);
export type ConversationChange = Static<typeof ConversationChange>;
