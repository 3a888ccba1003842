import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { cassandraConfigMap } from "./cassandra-config.ts";
import { cassandraService } from "./cassandra-service.ts";
import { type CassandraSize, cassandraStatefulSet } from "./cassandra-stateful-set.ts";
import type { Images } from "./images.ts";
import { cassandraNetworkPolicy } from "./network-policy.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { render } from "./render.ts";

/** Every object of Cassandra, in the order in which they are applied. The operator logs in from its namespace. */
export function cassandraObjects(
  cluster: ChatCluster,
  images: Images,
  size: CassandraSize,
  operatorNamespace: string,
): KubernetesObject[] {
  const objects = render(cluster, (scope) => {
    cassandraConfigMap(scope, cluster, size.hostIds);
    cassandraService(scope, cluster);
    if (cluster.spec.networkPolicies) cassandraNetworkPolicy(scope, cluster, operatorNamespace);
    podDisruptionBudget(scope, cluster, "cassandra");
    cassandraStatefulSet(scope, cluster, images, size);
  });
  return overlayPodTemplate(objects, cluster.spec.cassandra.podTemplate);
}
