import type { FastifyRequest } from "fastify";
import type { Identity } from "../../auth/token-verifier.ts";
import type { SessionHost } from "../session-host.ts";
import { tokenOf } from "../token.ts";

/** Who asks. @throws CodedError `unauthenticated`, `unavailable` */
export function identityOf(request: FastifyRequest, host: SessionHost): Promise<Identity> {
  return host.identify(tokenOf(request.raw, new URL(request.raw.url ?? "/", "http://chat")));
}
