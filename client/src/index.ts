export type {
  Conversation,
  ConversationChange,
  ConversationKind,
  Limits,
  Member,
  Position,
  Presence,
  Receipt,
  ReceiptKind,
  Rights,
  Role,
} from "@chatcluster/protocol";
export { CloseCode, ErrorCode } from "@chatcluster/protocol/codes";
export type { BackoffOptions } from "./backoff.ts";
export { ChatClient } from "./client.ts";
export { ChatError, ClientErrorCode } from "./errors.ts";
export type { Message } from "./frames.ts";
export type { Fetch } from "./http-requests.ts";
export type { CallOptions, ChangeOptions, ChatClientOptions, ChatEvents, NewConversation } from "./options.ts";
export type { SentMessage } from "./outbox.ts";
export { PollTransport, type PollTransportOptions } from "./poll-transport.ts";
export { SseTransport } from "./sse-transport.ts";
export { MemoryOutboxStore, type OutboxEntry, type OutboxStore } from "./store.ts";
export type { Bookmark, SubscribeOptions, Subscription, SubscriptionEvents } from "./subscription.ts";
export type { TokenSource } from "./supervisor.ts";
export type { Transport, TransportConnection, TransportEvents, TransportTarget } from "./transport.ts";
export { WebSocketTransport } from "./websocket-transport.ts";
