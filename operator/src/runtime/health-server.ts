import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Registry } from "prom-client";

/** A named check; returns what is wrong, or undefined. */
export type HealthCheck = () => string | undefined;

export interface HealthServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Fails only when a restart would help. */
  readonly livez: ReadonlyMap<string, HealthCheck>;
  readonly readyz: ReadonlyMap<string, HealthCheck>;
  readonly registry: Registry;
  /** Brings gauges up to date before they are read. */
  readonly beforeScrape?: () => void;
}

/** `/healthz`, `/readyz` (200, or 503 with a JSON object of what is wrong) and `/metrics`: three fixed routes need no framework. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      this.#answer(request.url?.split("?")[0] ?? "", response).catch((error: unknown) => {
        send(response, 500, { error: messageOf(error) });
      });
    });
  }

  /** @returns the port that it listens on. @throws CodedError `health_port_unavailable` */
  listen(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const { host, port } = this.#options;
    this.#server.once("error", (cause) =>
      reject(
        new CodedError("health_port_unavailable", `cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
      ),
    );
    this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port));
    return promise;
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #answer(path: string, response: ServerResponse): Promise<void> {
    if (path === "/healthz") sendChecks(response, this.#options.livez);
    else if (path === "/readyz") sendChecks(response, this.#options.readyz);
    else if (path === "/metrics") {
      const { registry, beforeScrape } = this.#options;
      beforeScrape?.();
      response.writeHead(200, { "content-type": registry.contentType }).end(await registry.metrics());
    } else send(response, 404, { error: "not found" });
  }
}

function sendChecks(response: ServerResponse, checks: ReadonlyMap<string, HealthCheck>): void {
  const failing = [...checks].flatMap(([name, check]) => {
    const problem = check();
    return problem === undefined ? [] : [[name, problem]];
  });
  send(
    response,
    failing.length === 0 ? 200 : 503,
    failing.length === 0 ? { status: "ok" } : Object.fromEntries(failing),
  );
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
