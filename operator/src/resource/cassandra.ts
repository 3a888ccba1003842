import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { cassandraConfigMap } from "./cassandra-config.ts";
import { cassandraService } from "./cassandra-service.ts";
import { cassandraStatefulSet } from "./cassandra-stateful-set.ts";
import type { Images } from "./images.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { render } from "./render.ts";

/** Every object of Cassandra, in the order in which they are applied. `volumeSize` is the size in the claim template. */
export function cassandraObjects(cluster: ChatCluster, images: Images, volumeSize: string): KubernetesObject[] {
  return render(cluster, (scope) => {
    cassandraConfigMap(scope, cluster);
    cassandraService(scope, cluster);
    podDisruptionBudget(scope, cluster, "cassandra");
    cassandraStatefulSet(scope, cluster, images, volumeSize);
  });
}
