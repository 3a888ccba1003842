import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { NodeOperations } from "./node-operations.ts";

/** Milliseconds for one question to Cassandra's JVM. */
const TIMEOUT_MS = 4_000;
/** Keyspaces as CQL writes them without quotes. */
const KEYSPACE = /^[a-z][a-z0-9_]{0,47}$/;

export interface AgentApiOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly operations: Pick<
    NodeOperations,
    "view" | "decommission" | "startRepair" | "repair" | "startCleanup" | "cleanup"
  >;
  /** Why the node is not ready; undefined when it is. */
  readonly readiness: (signal: AbortSignal) => Promise<string | undefined>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The agent's HTTP API: the probes are open, the rest asks for the token. */
export class AgentApi {
  readonly #options: AgentApiOptions;
  readonly #server: Server;
  readonly #digest: Buffer;

  constructor(options: AgentApiOptions) {
    this.#options = options;
    this.#digest = digestOf(`Bearer ${options.token}`);
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      this.#answer(request).then(
        ({ status, body }) => send(response, status, body),
        (error: unknown) => send(response, statusOf(error), { error: messageOf(error) }),
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

  async #answer(request: IncomingMessage): Promise<Answer> {
    // No request has a body.
    request.resume();
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://agent");
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const route = `${request.method} ${pathname}`;
    if (route === "GET /healthz") return { status: 200, body: { status: "ok" } };
    if (route === "GET /readyz") {
      const problem = await this.#options.readiness(signal);
      return problem === undefined ? { status: 200, body: { status: "ok" } } : { status: 503, body: { node: problem } };
    }
    if (!timingSafeEqual(digestOf(request.headers.authorization ?? ""), this.#digest))
      return { status: 401, body: { error: "a bearer token is needed" } };
    return this.#authorized(route, searchParams, signal);
  }

  async #authorized(route: string, query: URLSearchParams, signal: AbortSignal): Promise<Answer> {
    const { operations } = this.#options;
    if (route === "GET /node") return { status: 200, body: await operations.view(signal) };
    if (route === "POST /decommission") return { status: 202, body: { mode: await operations.decommission(signal) } };
    if (route === "POST /repairs") {
      const keyspace = query.get("keyspace") ?? "";
      if (!KEYSPACE.test(keyspace)) return { status: 400, body: { error: "keyspace must name one" } };
      return { status: 202, body: { id: await operations.startRepair(keyspace, signal) } };
    }
    const [, id] = /^GET \/repairs\/(\d{1,9})$/.exec(route) ?? [];
    if (id !== undefined) return { status: 200, body: await operations.repair(Number(id), signal) };
    if (route === "POST /cleanups") return { status: 202, body: { id: operations.startCleanup() } };
    const [, cleanup] = /^GET \/cleanups\/([0-9a-f-]{1,64})$/.exec(route) ?? [];
    if (cleanup !== undefined) return { status: 200, body: operations.cleanup(cleanup) };
    return { status: 404, body: { error: "not found" } };
  }
}

function statusOf(error: unknown): number {
  if (!(error instanceof CodedError)) return 500;
  return error.code === "cassandra_refused" ? 409 : 503;
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
