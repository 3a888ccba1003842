import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import { chatObjects } from "../resource/chat.ts";
import { resolveImages } from "../resource/images.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext } from "./dependencies.ts";

/** The chat servers as the spec wants them, as many as scaling decided. */
export async function reconcileServers(
  context: ConcernContext,
  cluster: ChatCluster,
  replicas: number,
  push: readonly PushService[],
): Promise<void> {
  await applyChildren(context, cluster, "chat", {
    beside: [replicas, push],
    render: () => chatObjects(cluster, resolveImages(cluster, context.defaultImages), replicas, push),
  });
}
