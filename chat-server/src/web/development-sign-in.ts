import { UserId } from "@chatcluster/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { developmentToken } from "../auth/development-token.ts";

/** Offered on the sign-in page; any other name will do as well. */
export const DEVELOPMENT_USERS = ["alice", "bob", "carol"] as const;

const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Whether a request comes from this machine and was meant for it. The server listens on all interfaces, so the peer's address is asked
 * for; a page elsewhere whose name was made to lead here (DNS rebinding) still sends its own name as the host.
 */
export function isFromThisMachine(request: Pick<FastifyRequest, "ip" | "headers">): boolean {
  return LOOPBACK_ADDRESS.test(request.ip) && LOOPBACK_HOST.test(request.headers.host ?? "");
}

/**
 * `POST /development/token` gives anybody on this machine a token for any user. It is there only with the embedded default's own secret,
 * never where a secret or key server is configured, hence never in a cluster. A form elsewhere can't use it: the body has to be JSON, which
 * no browser sends across origins without asking first.
 */
export function registerDevelopmentSignIn(app: FastifyInstance, secret: string): void {
  const body = Type.Object({ userId: UserId }, { additionalProperties: false });
  app.post<{ Body: { userId: string } }>("/development/token", { schema: { body } }, async (request, reply) => {
    if (!isFromThisMachine(request))
      return reply.code(403).send({ code: "forbidden", message: "only for browsers on the server's own machine" });
    return reply
      .header("cache-control", "no-store")
      .send({ token: await developmentToken(secret, request.body.userId) });
  });
}
