import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";

const STATUS: Record<string, number> = {
  malformed_frame: 400,
  not_found: 404,
  unauthenticated: 401,
  too_many_connections: 429,
  rate_limited: 429,
  unavailable: 503,
};

/** Answers a request for an upgrade that is not granted, as plain HTTP. */
export function refuseUpgrade(socket: Duplex, error: unknown, logger: Logger): void {
  const known = error instanceof CodedError && STATUS[error.code] !== undefined ? error : undefined;
  if (!known) logger.error({ err: error }, "upgrade failed");
  const status = STATUS[known?.code ?? ""] ?? 500;
  const body = JSON.stringify({
    code: known?.code ?? "internal",
    message: known?.message ?? "the server failed; it is in its log",
  });
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...(status === 401 ? ["WWW-Authenticate: Bearer"] : []),
    ...(status === 503 || known?.code === "rate_limited" ? ["Retry-After: 1"] : []),
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
