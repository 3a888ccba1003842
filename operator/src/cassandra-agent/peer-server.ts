import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";

/** Milliseconds for one question to Cassandra's JVM. */
const TIMEOUT_MS = 4_000;
/** Bytes of a request's body: the addresses of a ring of 100 nodes are 10 KB. */
const MAX_BODY = 64 * 1024;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A file, of which so many bytes are sent. */
export interface FileAnswer {
  readonly file: Readable;
  readonly bytes: number;
}

export interface PeerRequest {
  /** Method and path, such as `GET /node`. */
  readonly route: string;
  readonly query: URLSearchParams;
  /** What was sent as JSON; undefined for nothing. */
  readonly body: unknown;
  /** Ends when the answer should have been given. */
  readonly signal: AbortSignal;
}

export interface PeerServerOptions {
  readonly host: string;
  readonly port: number;
  /** Bearer token of those who may ask for more than the probes. */
  readonly token: string;
  /** Why it is not ready; undefined when it is. */
  readonly readiness: (signal: AbortSignal) => Promise<string | undefined>;
  /** Undefined for a route that there is not. A CodedError `…_refused` is answered with 409, `…_invalid` with 400, `…_missing` with 404, others with 503. */
  readonly answer: (request: PeerRequest) => Promise<Answer | FileAnswer | undefined>;
}

/** A small HTTP API between the operator and what helps it in pods: the probes are open, the rest asks for the token. */
export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #server: Server;
  readonly #digest: Buffer;

  constructor(options: PeerServerOptions) {
    this.#options = options;
    this.#digest = digestOf(`Bearer ${options.token}`);
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      this.#answer(request).then(
        (answer) => send(response, answer),
        (error: unknown) => send(response, { status: statusOf(error), body: { error: messageOf(error) } }),
      );
    });
  }

  /** @returns the port that it listens on */
  listen(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.port, this.#options.host, () =>
      resolve((this.#server.address() as AddressInfo).port),
    );
    return promise;
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #answer(request: IncomingMessage): Promise<Answer | FileAnswer> {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://peer");
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const route = `${request.method} ${pathname}`;
    if (route === "GET /healthz") return { status: 200, body: { status: "ok" } };
    if (route === "GET /readyz") {
      const problem = await this.#options.readiness(signal);
      return problem === undefined ? { status: 200, body: { status: "ok" } } : { status: 503, body: { node: problem } };
    }
    if (!timingSafeEqual(digestOf(request.headers.authorization ?? ""), this.#digest))
      return { status: 401, body: { error: "a bearer token is needed" } };
    const body = await jsonOf(request);
    const answer = await this.#options.answer({ route, query, body, signal });
    return answer ?? { status: 404, body: { error: "not found" } };
  }
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new CodedError("request_invalid", `a request may have ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch (cause) {
    throw new CodedError("request_invalid", "the request's body is no JSON", { cause });
  }
}

function statusOf(error: unknown): number {
  if (!(error instanceof CodedError)) return 500;
  if (error.code.endsWith("_refused")) return 409;
  if (error.code.endsWith("_invalid")) return 400;
  return error.code.endsWith("_missing") ? 404 : 503;
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function send(response: ServerResponse, answer: Answer | FileAnswer): void {
  if ("file" in answer) {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": answer.bytes });
    // Whoever reads it counts the bytes: a file that breaks off cuts the connection.
    pipeline(answer.file, response).catch(() => response.destroy());
    return;
  }
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
}
