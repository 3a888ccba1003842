import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import type { Images } from "./images.ts";
import { redisNetworkPolicy } from "./network-policy.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { redisConfigMap } from "./redis-config.ts";
import { redisService } from "./redis-service.ts";
import { redisStatefulSet } from "./redis-stateful-set.ts";
import { render } from "./render.ts";

/** Every object of Redis, in the order in which they are applied. `volumeSize` is the size in the claim template. */
export function redisObjects(cluster: ChatCluster, images: Images, volumeSize: string): KubernetesObject[] {
  return render(cluster, (scope) => {
    redisConfigMap(scope, cluster);
    redisService(scope, cluster);
    if (cluster.spec.networkPolicies) redisNetworkPolicy(scope, cluster);
    podDisruptionBudget(scope, cluster, "redis");
    redisStatefulSet(scope, cluster, images, volumeSize);
  });
}
