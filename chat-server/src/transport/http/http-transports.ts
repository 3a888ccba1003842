import type { Logger } from "@chatcluster/foundation/logger";
import type { FastifyInstance } from "fastify";
import { EVENTS_PATH, type EventStreamOptions, EventStreams } from "../event-stream/event-stream-route.ts";
import { OPENAPI_PATH, openApiDocument } from "../openapi/document.ts";
import { POLL_PATH, pollRoute } from "../polling/poll-route.ts";
import { type PollingOptions, PollSessions } from "../polling/poll-sessions.ts";
import { PRODUCT } from "../public-server.ts";
import type { SessionHost } from "../session-host.ts";
import { FRAMES_PATH, framesRoute, NDJSON } from "./frames-route.ts";
import { errorHandler } from "./http-errors.ts";

/** What a page of another origin may use: the token is in a header that only the page itself can set, so no origin is told apart. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "ETag, Retry-After, X-Poll-After-Ms",
} as const;
const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST, DELETE",
  "access-control-allow-headers": "Authorization, Content-Type, If-None-Match, Last-Event-ID",
  "access-control-max-age": "7200",
} as const;

/** The transports over HTTP: server-sent events, polls, and the requests that go with both. */
export class HttpTransports {
  readonly #host: SessionHost;
  readonly #streams: EventStreams;
  readonly #polls: PollSessions;
  readonly #logger: Logger;

  constructor(host: SessionHost, options: PollingOptions & EventStreamOptions & { logger: Logger }) {
    this.#host = host;
    this.#streams = new EventStreams(host, options);
    this.#polls = new PollSessions(host, options);
    this.#logger = options.logger;
  }

  /** Adds the routes, in a scope of their own: bodies come as texts, which the session reads. */
  async routes(parent: FastifyInstance): Promise<void> {
    // For the other routes too, whose bodies can be too long or of another type.
    parent.setErrorHandler(errorHandler(this.#logger));
    await parent.register(async (app) => {
      app.removeAllContentTypeParsers();
      app.addContentTypeParser(["application/json", NDJSON], { parseAs: "string" }, (_request, body, done) =>
        done(null, body),
      );
      app.setErrorHandler(errorHandler(this.#logger));
      app.addHook("onRequest", async (_request, reply) => void reply.headers(CORS));
      for (const path of [EVENTS_PATH, POLL_PATH, FRAMES_PATH])
        app.options(path, (_request, reply) => reply.code(204).headers(PREFLIGHT).send());
      this.#streams.route(app);
      pollRoute(app, this.#host, this.#polls);
      framesRoute(app, this.#host);
      const document = JSON.stringify(openApiDocument(PRODUCT));
      app.get(OPENAPI_PATH, (_request, reply) =>
        reply.type("application/json").header("cache-control", "public, max-age=300").send(document),
      );
    });
  }

  close(): void {
    this.#streams.close();
    this.#polls.close();
  }
}
