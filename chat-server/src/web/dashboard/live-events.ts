import type { ServerResponse } from "node:http";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { tokenOf } from "../../transport/token.ts";
import { SECURITY_HEADERS } from "../security-headers.ts";
import type { FigureBoard } from "./figure-board.ts";
import type { FigureSampler } from "./figure-sampler.ts";
import { snapshotOf } from "./figures.ts";

export interface LiveEventsOptions {
  sampler: FigureSampler;
  board: FigureBoard;
  /** Who may watch; absent: everybody. @throws CodedError `unauthenticated`, `unavailable` */
  authorize?: ((token: string | undefined) => Promise<unknown>) | undefined;
  logger: Logger;
  /** Milliseconds between two samples [1,000]. */
  intervalMs?: number;
}

/** Watchers of one server. */
const MAX_WATCHERS = 100;
/** Bytes that may wait for a watcher; more means that it does not read. */
const MAX_BUFFERED = 65_536;

/**
 * `GET /live/events`: a snapshot of all servers' figures every second, as server-sent events (HTML standard, section 9.2). Every server samples
 * itself and puts the figures on the board; the board is read once for all watchers, and only while there are any.
 */
export class LiveEvents {
  readonly #options: LiveEventsOptions;
  readonly #watchers = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #failed = false;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#tick(), options.intervalMs ?? 1_000);
    this.#timer.unref();
  }

  route(app: FastifyInstance): void {
    app.get("/live/events", (request, reply) => this.#watch(request, reply));
  }

  close(): void {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.end();
  }

  async #watch(request: FastifyRequest, reply: FastifyReply) {
    reply.headers(SECURITY_HEADERS).header("cache-control", "no-store");
    try {
      await this.#options.authorize?.(tokenOf(request.raw, new URL(request.url, "http://localhost")));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      const status = error.code === "unauthenticated" ? 401 : 503;
      return reply.code(status).send({ code: error.code, message: error.message });
    }
    if (this.#watchers.size >= MAX_WATCHERS) {
      const message = `more than ${MAX_WATCHERS} watch this server`;
      return reply.code(503).header("retry-after", "10").send({ code: "too_many_connections", message });
    }
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    // Proxies are asked not to wait until a buffer is full.
    raw.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    raw.write("retry: 2000\n\n");
    raw.on("close", () => this.#watchers.delete(raw));
    this.#watchers.add(raw);
    return reply;
  }

  async #tick(): Promise<void> {
    // A board that answers late is not asked twice at once.
    if (this.#busy) return;
    this.#busy = true;
    const { sampler, board, logger } = this.#options;
    try {
      await board.put(await sampler.next());
      if (this.#watchers.size > 0) this.#send(JSON.stringify(snapshotOf(await board.read(), Date.now())));
      this.#failed = false;
    } catch (error) {
      // Once, not every second; `/readyz` tells as well. The dashboard stands still meanwhile, and says so.
      if (!this.#failed) logger.warn({ err: messageOf(error) }, "figures for the dashboard not exchanged");
      this.#failed = true;
    } finally {
      this.#busy = false;
    }
  }

  #send(snapshot: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.writableLength > MAX_BUFFERED) watcher.destroy();
      else watcher.write(`data: ${snapshot}\n\n`);
    }
  }
}
