import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import { chatObjects } from "../resource/chat.ts";
import { resolveImages } from "../resource/images.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext } from "./dependencies.ts";

/**
 * The chat servers as the spec wants them, as many as scaling decided.
 *
 * @param passwords a digest of the logins that they are made with, by whose change they are rolled
 */
export async function reconcileServers(
  context: ConcernContext,
  cluster: ChatCluster,
  replicas: number,
  push: readonly PushService[],
  passwords: string | undefined,
): Promise<void> {
  await applyChildren(context, cluster, "chat", {
    beside: [replicas, push, passwords],
    render: () => chatObjects(cluster, resolveImages(cluster, context.defaultImages), replicas, push, passwords),
  });
}
