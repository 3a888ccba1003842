import type { ChatCluster } from "../api/chat-cluster.ts";
import { chatObjects } from "../resource/chat.ts";
import type { ServerCount } from "../resource/chat-deployment.ts";
import { resolveImages } from "../resource/images.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext } from "./dependencies.ts";

/** The chat servers as the spec wants them, as many as scaling decided. */
export async function reconcileServers(
  context: ConcernContext,
  cluster: ChatCluster,
  count: ServerCount,
): Promise<void> {
  const objects = chatObjects(cluster, resolveImages(cluster, context.defaultImages), count);
  await applyChildren(context, cluster, objects, "chat");
}
