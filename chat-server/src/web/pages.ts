import { CodedError } from "@chatcluster/foundation/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { DEVELOPMENT_USERS, isFromThisMachine, registerDevelopmentSignIn } from "./development-sign-in.ts";
import { PageFiles } from "./page-files.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";

export interface PageOptions {
  /** What `/` answers to programs, which don't ask for HTML. */
  index: () => object;
  /** The embedded default's own secret; with it the page can sign anybody in who sits at this machine. */
  developmentSecret?: string | undefined;
  /** Whether `/live` is there, and whether it wants a token. */
  dashboard: "off" | "token" | "open";
}

/** What the pages must know of the server before anybody has signed in; `GET /settings.json`. */
export interface PageSettings {
  dashboard: PageOptions["dashboard"];
  /** Users whom the page can sign in without a token; absent where it can't. */
  developmentUsers?: readonly string[];
}

/** The chat page at `/`, documents at `/document`, the dashboard at `/live`, and what they load. */
export function registerPages(app: FastifyInstance, options: PageOptions): void {
  const files = new PageFiles();
  const send = (name: string) => (request: FastifyRequest, reply: FastifyReply) =>
    sendFile(files, name, request, reply);

  app.get("/", (request, reply) => {
    reply.header("vary", "accept");
    if (!(request.headers.accept ?? "").includes("text/html")) return reply.send(options.index());
    return send("chat.html")(request, reply);
  });
  app.get("/document", send("document.html"));
  app.get<{ Params: { name: string } }>("/assets/:name", (request, reply) => send(request.params.name)(request, reply));
  app.get("/settings.json", (request, reply) => {
    const offered = options.developmentSecret !== undefined && isFromThisMachine(request);
    const settings: PageSettings = {
      dashboard: options.dashboard,
      ...(offered ? { developmentUsers: DEVELOPMENT_USERS } : {}),
    };
    return reply.headers(SECURITY_HEADERS).header("cache-control", "no-store").send(settings);
  });
  if (options.dashboard !== "off") app.get("/live", send("live.html"));
  if (options.developmentSecret !== undefined) registerDevelopmentSignIn(app, options.developmentSecret);
}

async function sendFile(files: PageFiles, name: string, request: FastifyRequest, reply: FastifyReply) {
  try {
    const file = await files.get(name);
    if (!file) return reply.callNotFound();
    // Asked anew each time, and answered by 304 while nothing has changed: a new server never meets an old page.
    reply.headers(SECURITY_HEADERS).header("cache-control", "no-cache").header("etag", file.etag);
    if (matches(request.headers["if-none-match"], file.etag)) return reply.code(304).send();
    return reply.header("content-type", file.contentType).send(file.content);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return reply.code(503).send({ code: error.code, message: error.message });
  }
}

/** RFC 9110, section 13.1.2: a list of validators, compared weakly, since proxies that compress weaken them. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return (ifNoneMatch ?? "").split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
