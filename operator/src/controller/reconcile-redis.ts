import type { ChatCluster } from "../api/chat-cluster.ts";
import { resolveImages } from "../resource/images.ts";
import { redisObjects } from "../resource/redis.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { reconcileVolumes, templateVolumeSize } from "./reconcile-volumes.ts";

/** Redis as the spec wants it. */
export async function reconcileRedis(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
  const size = templateVolumeSize(context.informers, cluster, "redis");
  await applyChildren(context, cluster, "redis", {
    beside: size,
    render: () => redisObjects(cluster, resolveImages(cluster, context.defaultImages), size),
  });
  return reconcileVolumes(context, cluster, "redis");
}
