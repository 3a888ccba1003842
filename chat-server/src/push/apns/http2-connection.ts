import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";

export interface Http2Response {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}

export interface Http2ConnectionOptions {
  /** `https://host:port`. */
  origin: string;
  /** Milliseconds for one request, connecting included. */
  requestTimeoutMs: number;
  /** Milliseconds without traffic after which the connection is asked whether it lives. */
  pingAfterMs: number;
  pingTimeoutMs: number;
}

/** Answers are short; what is longer is cut off. */
const MAX_BODY_LENGTH = 16_384;

/**
 * One HTTP/2 connection (RFC 9113) for all requests, opened when one is needed and opened anew after it has gone.
 *
 * GOAWAY: new requests go to a new connection; those that the peer has not taken up (section 6.8) are sent again there, once; the others are answered on
 * the old one. A request without an answer is followed by a ping: a connection that does not answer that either is dead and ends all it holds.
 */
export class Http2Connection {
  readonly #options: Http2ConnectionOptions;
  readonly #open = new Set<ClientHttp2Session>();
  readonly #connected = new WeakSet<ClientHttp2Session>();
  #session: ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: Http2ConnectionOptions) {
    this.#options = options;
  }

  /** @throws CodedError `not_sent` (the peer has surely not acted on it), `no_answer` (it may have) */
  async request(headers: OutgoingHttpHeaders, body: string): Promise<Http2Response> {
    try {
      return await this.#exchange(headers, body);
    } catch (error) {
      if (!(error instanceof CodedError && error.code === "not_taken_up")) throw error;
      return this.#exchange(headers, body).catch((again: unknown) => {
        throw again instanceof CodedError && again.code === "not_taken_up" ? unsent(again) : again;
      });
    }
  }

  /** Ends everything at once. */
  close(): void {
    this.#closed = true;
    for (const session of this.#open) session.destroy();
  }

  async #exchange(headers: OutgoingHttpHeaders, body: string): Promise<Http2Response> {
    if (this.#closed) throw unsent(new Error("closed"));
    const session = this.#current();
    let stream: ClientHttp2Stream;
    try {
      const signal = AbortSignal.timeout(this.#options.requestTimeoutMs);
      stream = session.request({ ...headers, "content-length": Buffer.byteLength(body) }, { signal });
    } catch (cause) {
      // The session has ended since it was looked up, and tells nobody yet.
      this.#leave(session);
      throw new CodedError("not_taken_up", messageOf(cause), { cause });
    }
    try {
      stream.end(body);
      return await read(stream);
    } catch (cause) {
      if (!this.#connected.has(session)) {
        session.destroy();
        throw unsent(cause);
      }
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM)
        throw new CodedError("not_taken_up", messageOf(cause), { cause });
      if (!session.destroyed) this.#check(session);
      throw new CodedError("no_answer", messageOf(cause), { cause });
    }
  }

  #current(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = connect(this.#options.origin);
    this.#session = session;
    this.#open.add(session);
    session.on("connect", () => this.#connected.add(session));
    session.on("goaway", () => this.#leave(session));
    session.on("close", () => {
      this.#leave(session);
      this.#open.delete(session);
    });
    // Each request on it ends with the reason; without a listener the event would end the process.
    session.on("error", () => this.#leave(session));
    session.setTimeout(this.#options.pingAfterMs, () => this.#check(session));
    // What is queued survives this process; an idle connection need not keep it alive.
    session.unref();
    return session;
  }

  #leave(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  #check(session: ClientHttp2Session): void {
    if (session.destroyed || session.connecting) return;
    const timer = setTimeout(() => session.destroy(new Error("ping without an answer")), this.#options.pingTimeoutMs);
    timer.unref();
    // A ping that fails has a session that has ended.
    session.ping(() => clearTimeout(timer));
  }
}

function unsent(cause: unknown): CodedError {
  return new CodedError("not_sent", messageOf(cause), { cause });
}

function read(stream: ClientHttp2Stream): Promise<Http2Response> {
  return new Promise((resolve, reject) => {
    let headers: Http2Response["headers"] | undefined;
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (received) => {
      headers = received as Http2Response["headers"];
    });
    stream.on("data", (chunk: string) => {
      if (body.length < MAX_BODY_LENGTH) body += chunk;
    });
    stream.on("error", reject);
    stream.on("close", () => {
      // A stream that a session takes with it may close without an error.
      if (headers === undefined || stream.rstCode !== constants.NGHTTP2_NO_ERROR)
        reject(new Error(`stream closed with code ${stream.rstCode}`));
      else resolve({ status: Number(headers[":status"]), headers, body });
    });
  });
}
