import type { ChatCluster } from "../api/chat-cluster.ts";
import { resolveImages } from "../resource/images.ts";
import { redisObjects, sentinelObjects } from "../resource/redis.ts";
import { type RedisAddresses, redisAddressObjects } from "../resource/redis-members.ts";
import { keyOf, Service } from "../runtime/index.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { childInformer } from "./informers.ts";
import { reconcileVolumes, templateVolumeSize } from "./reconcile-volumes.ts";

/** Redis as the spec wants it, and nothing of it where it is somebody else's; who is the master is another concern. */
export async function reconcileRedis(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
  const { mode } = cluster.spec.redis;
  if (mode === "external") return undefined;
  const addresses = mode === "sentinel" ? await memberAddresses(context, cluster) : {};
  // The Services have their addresses with the next look, which the first one's answer brings about.
  if (!addresses) return undefined;
  const volumeSize = templateVolumeSize(context.informers, cluster, "redis");
  const images = resolveImages(cluster, context.defaultImages);
  const around = { images, volumeSize, operatorNamespace: context.operatorNamespace, addresses };
  const beside = [volumeSize, addresses];
  if (mode === "sentinel")
    await applyChildren(context, cluster, "sentinel", { beside, render: () => sentinelObjects(cluster, around) });
  await applyChildren(context, cluster, "redis", { beside, render: () => redisObjects(cluster, around) });
  return reconcileVolumes(context, cluster, "redis");
}

/** Addresses of the members' Services, which are made first; undefined while one has none. */
async function memberAddresses(context: ConcernContext, cluster: ChatCluster): Promise<RedisAddresses | undefined> {
  const services = redisAddressObjects(cluster);
  await applyChildren(context, cluster, "redis-address", { beside: null, render: () => services });
  const informer = childInformer(context.informers, Service);
  const entries = services.map((service): [string, string] => {
    const { spec } = (informer.get(keyOf(service)) ?? {}) as { spec?: { clusterIP?: string } };
    return [service.metadata.name, spec?.clusterIP ?? ""];
  });
  return entries.every(([, address]) => address !== "") ? Object.fromEntries(entries) : undefined;
}
