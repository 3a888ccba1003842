import type {
  ClientFrame,
  Conversation,
  ConversationChange,
  Limits,
  Login,
  Presence,
  Receipt,
} from "@chatcluster/protocol";
import type { BackoffOptions } from "./backoff.ts";
import type { ChatError } from "./errors.ts";
import type { Message } from "./frames.ts";
import type { SentMessage } from "./outbox.ts";
import type { OutboxEntry, OutboxStore } from "./store.ts";
import type { TokenSource } from "./supervisor.ts";
import type { Transport } from "./transport.ts";

export interface ChatClientOptions {
  /** The server's address, as `wss://chat.example/chat`. */
  url: string;
  /** The user's JWT, or what gets one: it is asked before every connection. */
  token: TokenSource;
  /** This device: an id that it keeps, and how to push to it. One device has one client at a time. */
  device: Login["device"];
  /** How frames are carried: one transport, or several, the best one first [WebSocket, SSE, long polling, short polling]. */
  transport?: Transport | readonly Transport[];
  /** After how long on a lower transport the better ones are tried again, in milliseconds; doubled each time that none works [60,000]. */
  climbAfterMs?: number;
  /** Where unacknowledged messages are kept [in memory]. */
  outbox?: OutboxStore;
  /** Waits between attempts to connect, and to send again. */
  backoff?: BackoffOptions;
  /** A connection that lived this long, in milliseconds, begins the back-off anew [10,000]. */
  stableAfterMs?: number;
  /** How long one request on one connection may take before it is sent again, in milliseconds [15,000]. */
  requestTimeoutMs?: number;
  /** For how long delivery receipts are gathered, in milliseconds [50]. */
  receiptDelayMs?: number;
}

export interface ChatEvents {
  /** A connection is ready; also after each loss, and when the server or the transport has been changed. Tells what the server takes. */
  connected: { userId: string; serverId: string; transport: string; limits: Limits };
  /** The connection was lost; the client comes back by itself, unless `retryInMs` is absent. */
  disconnected: { code: number; reason: string; retryInMs?: number };
  /** A message of any direct or group conversation of the user, the user's own ones too (of live ones: see `Subscription`). Each one once, in the conversation's order. */
  message: Message;
  /** Another member has got, or has read, everything up to a message. Never goes back. */
  receipt: Receipt;
  /** The user has been made a member of a conversation. */
  conversation: Conversation;
  /**
   * A message was edited or deleted, members came, went or got another role, or the conversation was renamed: in its place between the
   * messages. What happened while the log could not be resumed is not told again, but shows in the history and the list of conversations.
   */
  conversation_changed: { conversationId: string; change: ConversationChange };
  /** The user is no member of the conversation any more: it left, or was removed. */
  conversation_removed: { conversationId: string };
  /** Somebody else types, or does no more, in an open conversation. */
  typing: TypingNotice;
  /** A user that is followed came or went; also how it is when following begins, and after each new connection. */
  presence: Presence;
  /** A message is stored. Also for those of an earlier life of the client, whose promises are gone. */
  sent: SentMessage;
  /** A message was refused for good and left the outbox. */
  send_failed: { entry: OutboxEntry; error: ChatError };
  /** Something failed that no call waits for. The client goes on. */
  error: ChatError;
  /** The client is at its end: `close()` was called (no error), or the server refused it for good. */
  closed: { error?: ChatError };
}

export interface CallOptions {
  /** Ends the wait for the answer. */
  signal?: AbortSignal;
}

export type NewConversation = Omit<
  Extract<ClientFrame, { type: "create_conversation" }>,
  "type" | "id" | "clientId"
> & {
  /** The client's own name for it [a random UUID]: a group is made once for each. */
  clientId?: string;
};

export interface TypingNotice {
  conversationId: string;
  userId: string;
  active: boolean;
}

/** For calls that change a conversation. */
export interface ChangeOptions extends CallOptions {
  /** The client's own name for the change [a random UUID]: it is made once for each. */
  clientId?: string;
}
