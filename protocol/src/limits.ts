/** Bounds that both sides know. A server may set lower ones by configuration and tells them in `welcome`; never higher ones. */

/** UTF-8 bytes of one text frame, JSON included. A longer one closes the connection with 1009 (RFC 6455, section 7.4.1). */
export const MAX_FRAME_BYTES = 65_536;
/** UTF-16 code units of a message's text. */
export const MAX_TEXT_LENGTH = 16_384;
/** Bytes of a message of data: in base 64, inside a JSON frame, they still fit into {@link MAX_FRAME_BYTES}. */
export const MAX_DATA_BYTES = 48_000;
/** Characters of a user, device, conversation or client-chosen id. */
export const MAX_ID_LENGTH = 128;
/** Members of one conversation. */
export const MAX_MEMBERS = 1_024;
/** Characters of a conversation's title. */
export const MAX_TITLE_LENGTH = 256;
/** Messages or conversations in one page. */
export const MAX_PAGE_SIZE = 100;
/** Conversations whose position one `login` may carry; others are resumed by later `resume` frames. */
export const MAX_POSITIONS = 1_000;
/** Live conversations that one connection may be subscribed to: as many as fit into a stream's cursor. */
export const MAX_SUBSCRIPTIONS = 100;
/** Conversations of which one connection may follow who is typing. */
export const MAX_OPEN_CONVERSATIONS = 32;
/** Users whose presence one connection may follow. */
export const MAX_PRESENCE = 256;
/** Milliseconds after which somebody who did not say again that it types does so no more; it says so three times as often. */
export const TYPING_TIMEOUT_MS = 6_000;
/** Characters of a push token. */
export const MAX_PUSH_TOKEN_LENGTH = 4_096;

/** Milliseconds between two pings of either side. */
export const PING_INTERVAL_MS = 30_000;
/** Milliseconds after a ping without its pong until the connection counts as dead. */
export const PONG_TIMEOUT_MS = 10_000;
/** How long a server remembers a `clientId`, in milliseconds: a client must not retry a send by itself after that. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 60 * 60 * 1_000;
