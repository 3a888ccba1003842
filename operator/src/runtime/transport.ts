import type { IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { KubeConfig } from "@kubernetes/client-node";
import { ApiError, type ApiStatus } from "./api-error.ts";

/** Replies larger than this are refused; etcd's limit of one object is 1.5 MiB, a page has at most 500. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const MAX_ERROR_BYTES = 1024 * 1024;
/** Probing idle connections finds a peer whose host is gone; a peer that is only stopped is found by time-outs. */
const TCP_KEEP_ALIVE_MS = 15_000;

export interface TransportRequest {
  /** What the request is about, for errors: `get Lease default/operator`. */
  readonly subject: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly contentType?: string;
  readonly body?: unknown;
  /** The longest wait for the reply's head and, where `readJson` reads it, for its body. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** HTTPS to the API server of a kubeconfig: authentication, TLS and keep-alive connections; knows nothing of objects. */
export class Transport {
  readonly #kubeConfig: KubeConfig;
  readonly #server: URL;
  readonly #proxied: boolean;
  readonly #agent: HttpAgent | HttpsAgent;

  /** @throws CodedError `no_cluster` if the kubeconfig's current context names none. */
  constructor(kubeConfig: KubeConfig) {
    const cluster = kubeConfig.getCurrentCluster();
    if (!cluster) throw new CodedError("no_cluster", "the kubeconfig's current context names no cluster");
    this.#kubeConfig = kubeConfig;
    this.#server = new URL(cluster.server);
    this.#proxied = Boolean(cluster.proxyUrl);
    const options = { keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS, scheduling: "lifo" as const };
    this.#agent = this.#server.protocol === "http:" ? new HttpAgent(options) : new HttpsAgent(options);
  }

  /** Sends a request and resolves to a reply whose status is 2xx. @throws ApiError */
  async open(request: TransportRequest): Promise<IncomingMessage> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options = await this.#options(request, body);
    const reply = await this.#send(request, options, body)
      .catch((error: unknown) => {
        // The server closed an idle connection just as it was used again; a read can safely be sent once more.
        if (request.method === "GET" && error instanceof StaleConnection) return this.#send(request, options, body);
        throw error;
      })
      .catch((error: unknown) => {
        throw asApiError(request, error);
      });
    const status = reply.statusCode ?? 0;
    if (status >= 200 && status < 300) return reply;
    throw new ApiError(request.subject, status, await readStatus(reply, request.timeoutMs));
  }

  /** Sends a request and resolves to its reply's JSON. @throws ApiError */
  async json(request: TransportRequest): Promise<unknown> {
    const reply = await this.open(request);
    try {
      return JSON.parse(await readText(reply, MAX_BODY_BYTES, request.timeoutMs));
    } catch (error) {
      const options = error instanceof SyntaxError ? { cause: error, code: "kubernetes_bad_reply" } : { cause: error };
      throw new ApiError(request.subject, 0, { message: messageOf(error) }, options);
    }
  }

  /** Closes idle connections; those in use end with their requests. */
  close(): void {
    this.#agent.destroy();
  }

  async #options(request: TransportRequest, body: string | undefined): Promise<RequestOptions> {
    const options: RequestOptions = {};
    // Every time: service account tokens and client certificates are renewed on disk.
    await this.#kubeConfig.applyToHTTPSOptions(options);
    if (!this.#proxied) options.agent = this.#agent;
    const headers: Record<string, string | number> = {
      ...(options.headers as Record<string, string>),
      accept: "application/json",
    };
    if (request.contentType) headers["content-type"] = request.contentType;
    // Node gives a DELETE no length by itself: its body would be taken for the connection's next request.
    if (body !== undefined) headers["content-length"] = Buffer.byteLength(body);
    return {
      ...options,
      headers,
      method: request.method,
      path: this.#path(request),
      hostname: this.#hostname(),
      port: this.#server.port || undefined,
    };
  }

  #hostname(): string {
    return this.#server.hostname.replace(/^\[(.*)\]$/, "$1");
  }

  #path(request: TransportRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, value);
    const base = this.#server.pathname.replace(/\/$/, "");
    return `${base}${request.path}${query.size > 0 ? `?${query}` : ""}`;
  }

  #send(request: TransportRequest, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    if (request.signal?.aborted) return Promise.reject(new Error("the request was cancelled"));
    const send = this.#server.protocol === "http:" ? httpRequest : httpsRequest;
    const sent = send(options, (reply) => {
      clearTimeout(timer);
      reply.once("close", () => request.signal?.removeEventListener("abort", cancel));
      resolve(reply);
    });
    const timer = setTimeout(
      () => sent.destroy(new Error(`no reply within ${request.timeoutMs} ms`)),
      request.timeoutMs,
    );
    const cancel = () => sent.destroy(new Error("the request was cancelled"));
    request.signal?.addEventListener("abort", cancel, { once: true });
    sent.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", cancel);
      reject(sent.reusedSocket && error.code === "ECONNRESET" ? new StaleConnection("", { cause: error }) : error);
    });
    sent.end(body);
    return promise;
  }
}

class StaleConnection extends Error {}

function asApiError(request: TransportRequest, error: unknown): ApiError {
  const cause = error instanceof StaleConnection ? error.cause : error;
  return new ApiError(request.subject, 0, { message: messageOf(cause) }, { cause });
}

async function readStatus(reply: IncomingMessage, timeoutMs: number): Promise<ApiStatus> {
  const text = await readText(reply, MAX_ERROR_BYTES, timeoutMs).catch((error: unknown) => messageOf(error));
  const retryAfterSeconds = Number(reply.headers["retry-after"]);
  const details = Number.isFinite(retryAfterSeconds) ? { details: { retryAfterSeconds } } : {};
  try {
    const { reason, message } = JSON.parse(text) as { reason?: unknown; message?: unknown };
    return { reason: String(reason ?? ""), message: String(message ?? ""), ...details };
  } catch {
    // A proxy or a server that is starting answers in plain text: it is the message.
    return { message: text.slice(0, 500), ...details };
  }
}

async function readText(reply: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => reply.destroy(new Error(`the reply did not end within ${timeoutMs} ms`)), timeoutMs);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`the reply is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    clearTimeout(timer);
  }
}
