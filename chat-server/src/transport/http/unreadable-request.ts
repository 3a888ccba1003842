import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { ErrorCode } from "@chatcluster/protocol";
import type { FastifyReply } from "fastify";

/** What Node's parser says of a request that is none, and the status for it (RFC 9110, section 15.5; 431 is RFC 6585's). */
const STATUS_OF_PARSER_ERROR: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what can't be read as HTTP like everything else, with `{code, message}`, and ends the connection. */
export function answerUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  // Reset by the peer, or answered already: there is nobody to tell.
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_PARSER_ERROR[error.code ?? ""] ?? 400;
  const body = JSON.stringify({ code: ErrorCode.MalformedFrame, message: "this is no HTTP request" });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** The same for a URL that can't be decoded. */
export function answerBadUrl(_error: Error, _request: unknown, reply: FastifyReply): void {
  reply.code(400).send({ code: ErrorCode.MalformedFrame, message: "the URL can't be decoded" });
}
