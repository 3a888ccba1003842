import { ErrorCode } from "@chatcluster/protocol/codes";

/** Codes of errors that arise in the client itself; all others are the server's ({@link ErrorCode}). */
export const ClientErrorCode = {
  /** `close()` was called, or the server refused the client for good. */
  Closed: "closed",
  /** The connection ended before the answer came. */
  ConnectionLost: "connection_lost",
  /** No answer within the time. */
  Timeout: "timeout",
  /** A message was not acknowledged for so long that the server may have forgotten its `clientId`: a retry could store it twice. */
  Expired: "expired",
  /** The conversation is subscribed to already. */
  AlreadySubscribed: "already_subscribed",
  /** The server sent something that is not of the protocol. */
  ProtocolError: "protocol_error",
  /** The application's token provider failed; see `cause`. */
  TokenUnavailable: "token_unavailable",
  /** The application's store failed; see `cause`. */
  StoreFailed: "store_failed",
} as const;
export type ClientErrorCode = (typeof ClientErrorCode)[keyof typeof ClientErrorCode];

/** The one error type of the client. `code` is for programs, the message for people. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  readonly code: ErrorCode | ClientErrorCode;
  /** The server's wish, in milliseconds, when to try again. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode | ClientErrorCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const RETRYABLE = [
  ErrorCode.RateLimited,
  ErrorCode.Unavailable,
  ErrorCode.Internal,
  ClientErrorCode.ConnectionLost,
  ClientErrorCode.Timeout,
] as const;

/** An error after which the same request, unchanged, may succeed. */
export type RetryableError = ChatError & { readonly code: (typeof RETRYABLE)[number] };

export function isRetryable(error: unknown): error is RetryableError {
  return error instanceof ChatError && (RETRYABLE as readonly string[]).includes(error.code);
}
