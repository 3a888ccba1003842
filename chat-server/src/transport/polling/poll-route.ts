import { CodedError } from "@chatcluster/foundation/errors";
import { ErrorCode } from "@chatcluster/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { RateLimited } from "../../session/rate-limiter.ts";
import { loginOfBody, MAX_LOGIN_BYTES } from "../event-stream/event-stream-route.ts";
import { identityOf } from "../http/request-identity.ts";
import type { SessionHost } from "../session-host.ts";
import { PollCursor } from "./poll-cursor.ts";
import { MAX_WAITING, type PollSession, type PollSessions } from "./poll-sessions.ts";

export const POLL_PATH = "/poll";
/** Seconds that a poll waits for data. */
export const DEFAULT_WAIT_SECONDS = 25;
/** Below what proxies allow a silent request: 60 s is the usual bound. */
export const MAX_WAIT_SECONDS = 50;
interface PollQuery {
  cursor: PollCursor;
  waitMs: number;
}

/**
 * `POST /poll` with a `login` frame begins, or goes on, on any server; `GET /poll` goes on where the server still knows the cursor;
 * `DELETE /poll` ends without waiting for the grace.
 */
export function pollRoute(app: FastifyInstance, host: SessionHost, sessions: PollSessions): void {
  app.post<{ Body: string }>(POLL_PATH, { bodyLimit: MAX_LOGIN_BYTES }, async (request, reply) => {
    const { userId } = await identityOf(request, host);
    const query = queryOf(request);
    const login = loginOfBody(request.body);
    const poll = sessions.find(userId, query.cursor) ?? sessions.create(userId, login);
    return answer(poll, query, request, reply);
  });

  app.get(POLL_PATH, async (request, reply) => {
    const { userId } = await identityOf(request, host);
    host.countRequest(userId);
    const query = queryOf(request);
    const poll = sessions.find(userId, query.cursor);
    if (!poll) throw new CodedError(ErrorCode.LoginRequired, "cursor: not known here (any more): POST the login");
    return answer(poll, query, request, reply);
  });

  app.delete(POLL_PATH, async (request, reply) => {
    const { userId } = await identityOf(request, host);
    const poll = sessions.find(userId, queryOf(request).cursor);
    if (poll) sessions.end(poll);
    return reply.code(204).send();
  });

  async function answer(
    poll: PollSession,
    { cursor, waitMs }: PollQuery,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    if (poll.waiting.size >= MAX_WAITING)
      throw new RateLimited(`more than ${MAX_WAITING} polls of one session wait already`, 1_000);
    poll.idleSince = Date.now();
    const gone = new AbortController();
    const onClose = () => gone.abort();
    reply.raw.once("close", onClose);
    await sessions.wait(poll, waitMs, gone.signal);
    reply.raw.off("close", onClose);
    const { texts, upTo, more } = poll.connection.take();
    const next = cursor.with(poll.connection.id, upTo).toString();
    const { closed } = poll.connection;
    if (closed && !more) sessions.end(poll);
    const etag = `"${next}"`;
    const pollAfterMs = waitMs > 0 || more ? 0 : sessions.interval(poll);
    reply.header("etag", etag).header("cache-control", "no-cache, private").header("x-poll-after-ms", pollAfterMs);
    if (texts.length === 0 && !closed && request.headers["if-none-match"] === etag) return reply.code(304).send();
    const head = `{"cursor":${JSON.stringify(next)},"pollAfterMs":${pollAfterMs},"frames":[${texts.join(",")}]`;
    return reply
      .type("application/json")
      .send(`${head}${closed && !more ? `,"closed":${JSON.stringify(closed)}` : ""}}`);
  }
}

function queryOf(request: FastifyRequest): PollQuery {
  const query = new URL(request.raw.url ?? "/", "http://chat").searchParams;
  const cursor = PollCursor.parse(query.get("cursor") ?? "");
  if (!cursor) throw new CodedError(ErrorCode.InvalidFrame, "cursor: not a cursor of this server's polls");
  const wait = Number(query.get("wait") ?? DEFAULT_WAIT_SECONDS);
  if (!(wait >= 0 && wait <= MAX_WAIT_SECONDS))
    throw new CodedError(ErrorCode.InvalidFrame, `wait: 0 to ${MAX_WAIT_SECONDS} seconds`);
  return { cursor, waitMs: wait * 1_000 };
}
