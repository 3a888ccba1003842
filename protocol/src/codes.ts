/** What an `error` frame (or an HTTP error body) says, for programs. The text beside it is for people and may change. */
export const ErrorCode = {
  /** The frame is not JSON text, or not an object with a `type`. */
  MalformedFrame: "malformed_frame",
  /** The server knows no frame of that `type`. */
  UnknownType: "unknown_type",
  /** A field is missing, unknown, ill-typed or out of bounds; the text names it. */
  InvalidFrame: "invalid_frame",
  /** The message's text, or its data, is longer than the limit. */
  MessageTooLong: "message_too_long",
  /** The token is missing, expired, not yet valid, or its signature is wrong. */
  Unauthenticated: "unauthenticated",
  /** A frame other than `login` or `ping` came first. */
  LoginRequired: "login_required",
  /** A second `login` on one connection. */
  AlreadyLoggedIn: "already_logged_in",
  /** No such conversation, or the user is no member of it: the two are not told apart. */
  ConversationNotFound: "conversation_not_found",
  /** The user may not do this in that conversation. */
  Forbidden: "forbidden",
  /** More per second than the limit; `retryAfterMs` says when to try again. */
  RateLimited: "rate_limited",
  /** The conversation has as many members as it may, or would have more. */
  TooManyMembers: "too_many_members",
  /** The connection is subscribed to as many live conversations as it may be. */
  TooManySubscriptions: "too_many_subscriptions",
  /** The server, or the user, has as many connections as it may. */
  TooManyConnections: "too_many_connections",
  /** A dependency is away. Nothing is lost: retry under the same `clientId` after `retryAfterMs`. */
  Unavailable: "unavailable",
  /** A fault of the server's, logged there under the frame's id. */
  Internal: "internal",
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/**
 * WebSocket close codes of the server (RFC 6455, section 7.4.2: 4000 to 4999 are the application's).
 * From 4000 to 4399: reconnect, after the usual back-off. From 4400: do not, until something has changed.
 */
export const CloseCode = {
  /** The server drains: reconnect, another server takes over. */
  Draining: 4000,
  /** Too many bytes wait for this connection: reconnect and resume. */
  SlowConsumer: 4001,
  /** No pong within the time. */
  PongTimeout: 4002,
  /** The server can't serve at the moment (a dependency is away). */
  Unavailable: 4003,
  /** No `login` within the time. */
  LoginTimeout: 4004,
  /** The token is wrong or has expired: get another one. */
  Unauthenticated: 4401,
  /** As many connections as the user may have: close another one first. */
  TooManyConnections: 4429,
  /** Too many malformed or invalid frames in a row. */
  ProtocolViolation: 4400,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Whether a client reconnects after a connection ended with this close code (see {@link CloseCode}; 1000 and up are RFC 6455's). */
export function mayReconnect(closeCode: number): boolean {
  if (closeCode >= 4400) return false;
  return closeCode !== 1002 && closeCode !== 1003 && closeCode !== 1007 && closeCode !== 1009;
}
