import type { SessionServices } from "./services.ts";
import type { SessionRegistry } from "./session-registry.ts";

const PREFIX = '{"type":"alive"';

/**
 * A request said that whoever reads a stream of the user is there. False if the stream is not at this server, as it is where an ingress that
 * hashes on the user has brought the request: then {@link publishSignOfLife} tells the one that has it.
 */
export function noteSignOfLife(registry: SessionRegistry, userId: string, streamId: string): boolean {
  for (const { connection } of registry.ofUser(userId)) {
    if (connection.streamId !== streamId) continue;
    connection.onSignOfLife?.();
    return true;
  }
  return false;
}

export function publishSignOfLife({ broker }: SessionServices, userId: string, streamId: string): Promise<void> {
  return broker.publishToUsers([userId], `${PREFIX},"streamId":"${streamId}"}`);
}

/** Takes what {@link publishSignOfLife} published for a user; false if it is something else. */
export function takeSignOfLife(registry: SessionRegistry, userId: string, payload: string): boolean {
  if (!payload.startsWith(PREFIX)) return false;
  const { streamId } = JSON.parse(payload) as { streamId: string };
  noteSignOfLife(registry, userId, streamId);
  return true;
}
