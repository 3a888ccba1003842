import type { SessionServices } from "../../session/services.ts";
import type { SessionRegistry } from "../../session/session-registry.ts";

const PREFIX = '{"type":"acknowledged"';

/**
 * A receipt that came by a request of its own may have reached another server than the one that holds the user's stream. That one is told,
 * or it would put back on the offline list what the client has.
 */
export async function publishAcknowledgement(
  { broker, directory }: SessionServices,
  userId: string,
  receipt: { conversationId: string; upTo: string },
): Promise<void> {
  const { conversationId, upTo } = receipt;
  await directory.acknowledge(userId, conversationId, upTo);
  await broker.publishToUsers([userId], `${PREFIX},"conversationId":"${conversationId}","upTo":"${upTo}"}`);
}

/** Takes what {@link publishAcknowledgement} published for a user; false if it is something else. */
export function takeAcknowledgement(registry: SessionRegistry, userId: string, payload: string): boolean {
  if (!payload.startsWith(PREFIX)) return false;
  const { conversationId, upTo } = JSON.parse(payload) as { conversationId: string; upTo: string };
  for (const session of registry.ofUser(userId)) session.following.get(conversationId)?.acknowledged(upTo);
  return true;
}
