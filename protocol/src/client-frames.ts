import { type Static, type TProperties, Type } from "typebox";
import {
  MAX_MEMBERS,
  MAX_PAGE_SIZE,
  MAX_POSITIONS,
  MAX_PRESENCE,
  MAX_PUSH_TOKEN_LENGTH,
  MAX_TEXT_LENGTH,
  MAX_TITLE_LENGTH,
} from "./limits.ts";
import {
  ClientId,
  ConversationId,
  ConversationKind,
  Data,
  DeviceId,
  MessageId,
  optional,
  Position,
  ReceiptKind,
  Rights,
  Role,
  StreamId,
  UserId,
} from "./model.ts";

/** What a client sends. Each names itself by `id`, a number that the client counts up; the answer carries it as `re`. */
const request = <const Name extends string, Properties extends TProperties>(type: Name, properties: Properties) =>
  Type.Object(
    { type: Type.Literal(type), id: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), ...properties },
    { additionalProperties: false },
  );

const PageLimit = Type.Integer({ minimum: 1, maximum: MAX_PAGE_SIZE, default: 50 });

/** First frame of a connection. Answer: `welcome`; then what the device has missed. */
export const Login = request("login", {
  device: Type.Object(
    {
      id: DeviceId,
      push: optional(
        Type.Object(
          {
            provider: Type.Union([Type.Literal("apns"), Type.Literal("fcm"), Type.Literal("webpush")]),
            token: Type.String({ minLength: 1, maxLength: MAX_PUSH_TOKEN_LENGTH }),
          },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
  positions: optional(
    Type.Record(ConversationId, Position, { maxProperties: MAX_POSITIONS, additionalProperties: false }),
  ),
  /** `positions` has all conversations that the device knows of: it is told of those that are missing. */
  complete: optional(Type.Boolean()),
  /** On a WebSocket: messages of live conversations come as binary frames. */
  binary: optional(Type.Boolean()),
});
export type Login = Static<typeof Login>;

/**
 * Answer: `pong`. For clients that can't send WebSocket pings, as browsers can't. By `POST /frames` with the `streamId` of a `welcome` it says
 * that whoever reads that stream is there.
 */
export const Ping = request("ping", { streamId: optional(StreamId) });
export type Ping = Static<typeof Ping>;

/**
 * Answer: `conversation`. A direct conversation exists once for each pair; a group or live one is made once for each `clientId`. `rights`
 * and a title belong to live ones, which may do without other members.
 */
export const CreateConversation = request("create_conversation", {
  clientId: ClientId,
  kind: ConversationKind,
  memberIds: Type.Array(UserId, { maxItems: MAX_MEMBERS - 1, uniqueItems: true }),
  title: optional(Type.String({ minLength: 1, maxLength: MAX_TITLE_LENGTH })),
  rights: optional(Rights),
});
export type CreateConversation = Static<typeof CreateConversation>;

/** Answer: `conversations`, by id; `after` is the last id of the page before. */
export const ListConversations = request("list_conversations", {
  after: optional(ConversationId),
  limit: optional(PageLimit),
});
export type ListConversations = Static<typeof ListConversations>;

/** Answer: `sent`, once Cassandra has the message. */
export const Send = request("send", {
  conversationId: ConversationId,
  clientId: ClientId,
  text: Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH }),
});
export type Send = Static<typeof Send>;

/** A message of data, to a live conversation. Answer: `sent`, as to `send`. */
export const Publish = request("publish", { conversationId: ConversationId, clientId: ClientId, data: Data });
export type Publish = Static<typeof Publish>;

/**
 * Subscribes to a live conversation until the connection ends, from now on or from a position. Answer: `subscribed`, then what was missed;
 * to a request over HTTP `ok`, and `subscribed` comes on the stream.
 */
export const Subscribe = request("subscribe", { conversationId: ConversationId, position: optional(Position) });
export type Subscribe = Static<typeof Subscribe>;

/** Answer: `ok`. */
export const Unsubscribe = request("unsubscribe", { conversationId: ConversationId });
export type Unsubscribe = Static<typeof Unsubscribe>;

/** Answer: `history`, newest first before `before`, or oldest first after `after`; without both, the newest. */
export const FetchHistory = request("fetch_history", {
  conversationId: ConversationId,
  before: optional(MessageId),
  after: optional(MessageId),
  limit: optional(PageLimit),
});
export type FetchHistory = Static<typeof FetchHistory>;

/** Asks for the events after a position. Answer: `resumed`, then those events. */
export const Resume = request("resume", { conversationId: ConversationId, position: Position });
export type Resume = Static<typeof Resume>;

/** Says that this device has (`delivered`) or that the user has seen (`read`) everything up to a message. Answer: `ok`. */
export const SendReceipt = request("receipt", { conversationId: ConversationId, kind: ReceiptKind, upTo: MessageId });
export type SendReceipt = Static<typeof SendReceipt>;

/** The user looks at a conversation, and wants to know who types there, until the connection ends. Answer: `ok`. */
export const OpenConversation = request("open_conversation", { conversationId: ConversationId });
export type OpenConversation = Static<typeof OpenConversation>;

/** Answer: `ok`. */
export const CloseConversation = request("close_conversation", { conversationId: ConversationId });
export type CloseConversation = Static<typeof CloseConversation>;

/** The user types, or does no more. Told to those who have the conversation open. Answer: `ok`. */
export const SendTyping = request("typing", { conversationId: ConversationId, active: Type.Boolean() });
export type SendTyping = Static<typeof SendTyping>;

const PresenceUsers = Type.Array(UserId, { minItems: 1, maxItems: MAX_PRESENCE, uniqueItems: true });

/** Follows the presence of members of a conversation that one is a member of, until the connection ends. Answer: `presences`. */
export const SubscribePresence = request("subscribe_presence", {
  conversationId: ConversationId,
  userIds: PresenceUsers,
});
export type SubscribePresence = Static<typeof SubscribePresence>;

/** Answer: `ok`. */
export const UnsubscribePresence = request("unsubscribe_presence", { userIds: PresenceUsers });
export type UnsubscribePresence = Static<typeof UnsubscribePresence>;

/** A change of a group. Each has a `clientId`, as a message has. Answer: `ok`, once it is stored and in the log. */
const change = <const Name extends string, Properties extends TProperties>(type: Name, properties: Properties) =>
  request(type, { conversationId: ConversationId, clientId: ClientId, ...properties });

/** By an owner or admin. Who is a member already stays what it is. */
export const Invite = change("invite", {
  userIds: Type.Array(UserId, { minItems: 1, maxItems: MAX_MEMBERS - 1, uniqueItems: true }),
});
export type Invite = Static<typeof Invite>;

/** Ends one's own membership. The last owner has to make another one first, unless nobody else is left. */
export const Leave = change("leave", {});
export type Leave = Static<typeof Leave>;

/** By an owner, or by an admin if the other is neither. */
export const RemoveMember = change("remove_member", { userId: UserId });
export type RemoveMember = Static<typeof RemoveMember>;

/** By an owner. One owner at least remains. */
export const SetRole = change("set_role", { userId: UserId, role: Role });
export type SetRole = Static<typeof SetRole>;

/** By an owner or admin. */
export const Rename = change("rename", { title: Type.String({ minLength: 1, maxLength: MAX_TITLE_LENGTH }) });
export type Rename = Static<typeof Rename>;

/** By an owner of a live conversation. */
export const SetRights = change("set_rights", { rights: Rights });
export type SetRights = Static<typeof SetRights>;

/** By the sender. */
export const EditMessage = change("edit_message", {
  messageId: MessageId,
  text: Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH }),
});
export type EditMessage = Static<typeof EditMessage>;

/** By the sender; in groups by an owner or admin, too. */
export const DeleteMessage = change("delete_message", { messageId: MessageId });
export type DeleteMessage = Static<typeof DeleteMessage>;

export const clientFrames = {
  login: Login,
  ping: Ping,
  create_conversation: CreateConversation,
  list_conversations: ListConversations,
  send: Send,
  publish: Publish,
  subscribe: Subscribe,
  unsubscribe: Unsubscribe,
  fetch_history: FetchHistory,
  resume: Resume,
  receipt: SendReceipt,
  open_conversation: OpenConversation,
  close_conversation: CloseConversation,
  typing: SendTyping,
  subscribe_presence: SubscribePresence,
  unsubscribe_presence: UnsubscribePresence,
  invite: Invite,
  leave: Leave,
  remove_member: RemoveMember,
  set_role: SetRole,
  rename: Rename,
  set_rights: SetRights,
  edit_message: EditMessage,
  delete_message: DeleteMessage,
} as const;

export type ClientFrame =
  | Login
  | Ping
  | CreateConversation
  | ListConversations
  | Send
  | Publish
  | Subscribe
  | Unsubscribe
  | FetchHistory
  | Resume
  | SendReceipt
  | OpenConversation
  | CloseConversation
  | SendTyping
  | SubscribePresence
  | UnsubscribePresence
  | ChangeFrame;

/** Frames that change a conversation by an event of its log. */
export type ChangeFrame = Invite | Leave | RemoveMember | SetRole | Rename | SetRights | EditMessage | DeleteMessage;
