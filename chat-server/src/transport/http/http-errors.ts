import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { ErrorCode } from "@chatcluster/protocol";
import type { FastifyError, FastifyReply } from "fastify";

/** HTTP statuses (RFC 9110, section 15; 429 is RFC 6585's) of the protocol's error codes. */
export const STATUS_OF: Readonly<Record<ErrorCode | "not_found", number>> = {
  malformed_frame: 400,
  unknown_type: 400,
  invalid_frame: 400,
  message_too_long: 413,
  unauthenticated: 401,
  forbidden: 403,
  conversation_not_found: 404,
  not_found: 404,
  too_many_members: 409,
  login_required: 409,
  already_logged_in: 409,
  rate_limited: 429,
  too_many_subscriptions: 429,
  too_many_connections: 429,
  unavailable: 503,
  internal: 500,
};

/** Seconds after which what was refused for a while may be tried again. */
const RETRY_AFTER_SECONDS = 1;

export const statusOf = (code: string): number => (STATUS_OF as Record<string, number>)[code] ?? 500;

/** Answers `{code, message}` with the status of the code, and the headers that go with it. */
export function sendError(reply: FastifyReply, code: string, message: string, retryAfterMs?: number): FastifyReply {
  const status = statusOf(code);
  if (status === 401) reply.header("www-authenticate", "Bearer");
  if (status === 503 || status === 429)
    reply.header("retry-after", Math.ceil((retryAfterMs ?? RETRY_AFTER_SECONDS * 1_000) / 1_000));
  return reply
    .code(status)
    .header("cache-control", "no-store")
    .send({ code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

/** Turns whatever a route threw into an answer; what the server is to blame for is logged and not told. */
export function errorHandler(logger: Logger) {
  return (error: FastifyError | CodedError, _request: unknown, reply: FastifyReply): FastifyReply => {
    if (error instanceof CodedError && error.code in STATUS_OF)
      return sendError(reply, error.code, error.message, retryAfterOf(error));
    const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
    // What fastify refuses before a route sees it: a body that is too long, or of another type.
    if (status >= 400 && status < 500)
      return reply
        .code(status)
        .header("cache-control", "no-store")
        .send({
          code: status === 413 ? ErrorCode.InvalidFrame : ErrorCode.MalformedFrame,
          message: `body: ${messageOf(error)}`,
        });
    logger.error({ err: error }, "request failed");
    return sendError(reply, ErrorCode.Internal, "the server failed; it is in its log");
  };
}

const retryAfterOf = (error: CodedError) =>
  "retryAfterMs" in error && typeof error.retryAfterMs === "number" ? error.retryAfterMs : undefined;
