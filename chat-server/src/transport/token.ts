import type { IncomingMessage } from "node:http";

/** `Authorization: Bearer` (RFC 6750, section 2.1), else `?token=`, since browsers can't set headers on a WebSocket. */
export function tokenOf(request: IncomingMessage, url: URL): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() === "bearer") return token;
  return url.searchParams.get("token") ?? undefined;
}
