import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import type { Images } from "./images.ts";
import { redisNetworkPolicy, sentinelNetworkPolicy } from "./network-policy.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { redisConfigMap } from "./redis-config.ts";
import type { RedisAddresses } from "./redis-members.ts";
import { redisService, sentinelService } from "./redis-service.ts";
import { redisStatefulSet } from "./redis-stateful-set.ts";
import { render } from "./render.ts";
import { sentinelConfigMap } from "./sentinel-config.ts";
import { sentinelStatefulSet } from "./sentinel-stateful-set.ts";

/** Where Redis and the sentinels are to run, and who may reach them. */
export interface RedisSurroundings {
  readonly images: Images;
  /** The size in the claim template, which stays what it was when it was made. */
  readonly volumeSize: string;
  readonly operatorNamespace: string;
  /** Of the members' Services, in mode `sentinel`. */
  readonly addresses: RedisAddresses;
}

/** Every object of Redis, in the order in which they are applied. */
export function redisObjects(cluster: ChatCluster, around: RedisSurroundings): KubernetesObject[] {
  const objects = render(cluster, (scope) => {
    redisConfigMap(scope, cluster);
    redisService(scope, cluster);
    if (cluster.spec.networkPolicies) redisNetworkPolicy(scope, cluster, around.operatorNamespace);
    podDisruptionBudget(scope, cluster, "redis");
    redisStatefulSet(scope, cluster, around.images, around.volumeSize, around.addresses);
  });
  return overlayPodTemplate(objects, cluster.spec.redis.podTemplate);
}

/** Every object of the sentinels. */
export function sentinelObjects(cluster: ChatCluster, around: RedisSurroundings): KubernetesObject[] {
  const objects = render(cluster, (scope) => {
    sentinelConfigMap(scope, cluster);
    sentinelService(scope, cluster);
    if (cluster.spec.networkPolicies) sentinelNetworkPolicy(scope, cluster, around.operatorNamespace);
    podDisruptionBudget(scope, cluster, "sentinel");
    sentinelStatefulSet(scope, cluster, around.images, around.addresses);
  });
  return overlayPodTemplate(objects, cluster.spec.redis.sentinelPodTemplate);
}
