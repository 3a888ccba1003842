import type { Conversation, Message, Position, Presence, Receipt, Rights, ServerFrame } from "@chatcluster/protocol";
import { decodeMessage } from "@chatcluster/protocol/binary";
import { fromBase64 } from "./base64.ts";
import { ChatError, ClientErrorCode } from "./errors.ts";
import type { ServerFrame as Decoded } from "./frames.ts";

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === "boolean";
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const object =
  <Type>(checks: { [Key in keyof Type]-?: Check }): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries<Check>(checks).every(([key, check]) => check((value as Fields)[key]));

const position = object<Position>({ epoch: text, offset: count });
const message = object<Message>({
  id: text,
  conversationId: text,
  senderId: text,
  clientId: text,
  sentAt: count,
  text,
  data: maybe(text),
  editedAt: maybe(count),
  deletedAt: maybe(count),
});
const conversation = object<Conversation>({
  id: text,
  kind: text,
  title: maybe(text),
  createdBy: text,
  createdAt: count,
  rights: maybe(object<Rights>({ subscribe: text, publish: text })),
  members: list(
    object({
      userId: text,
      role: maybe(text),
      joinedAt: maybe(count),
      deliveredUpTo: maybe(text),
      readUpTo: maybe(text),
    }),
  ),
});
const presence = object<Presence>({ userId: text, online: flag, lastSeenAt: maybe(count) });
const receipt = object<Receipt>({ conversationId: text, userId: text, kind: text, upTo: text, at: count });

/**
 * What the client relies on, by frame type. Weaker than the protocol's schemas, whose interpreter would be most of the bundle: fields
 * that the client only hands on (ids, texts) are checked for their type, not for their pattern.
 */
const frames: { [Type in ServerFrame["type"]]: Check } = {
  welcome: object({
    re: count,
    userId: text,
    serverId: text,
    pingIntervalMs: count,
    pongTimeoutMs: count,
    limits: object({ textLength: count, dataBytes: count, members: count, subscriptions: count }),
    streamId: maybe(text),
  }),
  pong: object({ re: count }),
  ok: object({ re: count }),
  conversation: object({ re: count, conversation, position, after: maybe(text) }),
  conversations: object({
    re: count,
    conversations: list(object({ conversation, position, lastMessage: maybe(message) })),
    nextAfter: maybe(text),
  }),
  sent: object({ re: count, conversationId: text, clientId: text, messageId: text, sentAt: count }),
  history: object({ re: count, conversationId: text, messages: list(message), more: flag }),
  subscribed: object({
    re: maybe(count),
    conversationId: text,
    position,
    recovered: maybe(flag),
    title: text,
    mayPublish: flag,
    at: count,
  }),
  unsubscribed: object({ conversationId: text, code: maybe(text) }),
  resumed: object({ re: maybe(count), conversationId: text, recovered: flag, position }),
  error: object({ re: maybe(count), code: text, message: text, retryAfterMs: maybe(count) }),
  message: object({ message, position: maybe(position) }),
  receipt: object({ receipt }),
  conversation_added: object({ conversation, position: maybe(position), after: maybe(text) }),
  conversation_changed: object({ conversationId: text, change: object({ type: text, by: text, at: count }), position }),
  conversation_removed: object({ conversationId: text }),
  typing: object({ conversationId: text, userId: text, active: flag }),
  presences: object({ re: count, presences: list(presence) }),
  presence: object({ presence }),
  offline_overflow: object({}),
  drain: object({ afterMs: count }),
};

/**
 * Reads one frame of the server.
 *
 * @returns undefined for a type that this client does not know: a newer server's, to be passed over.
 * @throws ChatError `protocol_error` for anything else that is not a frame.
 */
export function decode(frame: string | Uint8Array): Decoded | undefined {
  return typeof frame === "string" ? decodeText(frame) : decodeBytes(frame);
}

function decodeBytes(frame: Uint8Array): Decoded {
  try {
    const { content, position, ...names } = decodeMessage(frame);
    const body = typeof content === "string" ? { text: content } : { text: "", data: content };
    return { type: "message", message: { ...names, ...body }, position };
  } catch (cause) {
    throw new ChatError(ClientErrorCode.ProtocolError, "the server sent a binary frame that can't be read", { cause });
  }
}

function decodeText(frame: string): Decoded | undefined {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch (cause) {
    throw new ChatError(ClientErrorCode.ProtocolError, "the server sent a frame that is not JSON", { cause });
  }
  if (!object({ type: text })(value))
    throw new ChatError(ClientErrorCode.ProtocolError, "the server sent a frame without a type");
  const { type } = value as { type: string };
  if (!Object.hasOwn(frames, type)) return undefined;
  if (!frames[type as ServerFrame["type"]](value))
    throw new ChatError(ClientErrorCode.ProtocolError, `the server sent an ill-formed ${type} frame`);
  return decoded(value as ServerFrame);
}

function decoded(frame: ServerFrame): Decoded {
  try {
    for (const holder of messagesOf(frame)) {
      const { data } = holder as { data?: string | Uint8Array };
      if (typeof data === "string") (holder as { data?: string | Uint8Array }).data = fromBase64(data);
    }
  } catch (cause) {
    throw new ChatError(ClientErrorCode.ProtocolError, "the server sent data that is not base 64", { cause });
  }
  return frame as Decoded;
}

function messagesOf(frame: ServerFrame): Message[] {
  if (frame.type === "message") return [frame.message];
  if (frame.type === "history") return frame.messages;
  if (frame.type === "conversations") return frame.conversations.flatMap(({ lastMessage }) => lastMessage ?? []);
  return [];
}
