import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { CloseCode, ErrorCode, type ErrorFrame } from "@chatcluster/protocol";
import type { WebSocket } from "ws";
import { RateLimited } from "../session/rate-limiter.ts";

const CLOSE_CODES: Record<string, CloseCode> = {
  [ErrorCode.Unauthenticated]: CloseCode.Unauthenticated,
  [ErrorCode.TooManyConnections]: CloseCode.TooManyConnections,
  [ErrorCode.Unavailable]: CloseCode.Unavailable,
  [ErrorCode.RateLimited]: CloseCode.Unavailable,
};
const RETRY_AFTER_MS = 1_000;
/** UTF-8 bytes of a close frame's reason (RFC 6455, section 5.5: 125 for the payload, of which the code takes 2). */
const MAX_REASON_BYTES = 123;

/** Errors that a refused WebSocket is told by a frame. All else is answered as HTTP. */
export const isToldByFrame = (error: unknown): error is CodedError =>
  error instanceof CodedError && CLOSE_CODES[error.code] !== undefined;

/**
 * Tells a client why it is not admitted: an `error` frame, then a close code. A browser sees neither status nor body of a refused upgrade,
 * only 1006, and would come back for ever.
 */
export function refuseSession(webSocket: WebSocket, error: CodedError): void {
  const retryAfterMs = error instanceof RateLimited ? error.retryAfterMs : RETRY_AFTER_MS;
  const frame: ErrorFrame = {
    type: "error",
    code: error.code as ErrorCode,
    message: messageOf(error),
    ...(CLOSE_CODES[error.code] === CloseCode.Unavailable ? { retryAfterMs } : {}),
  };
  webSocket.send(JSON.stringify(frame));
  const reason = Buffer.from(error.message);
  webSocket.close(CLOSE_CODES[error.code], reason.length > MAX_REASON_BYTES ? error.code : reason);
}
