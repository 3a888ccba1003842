import type { ChatCluster } from "../api/chat-cluster.ts";
import { cassandraObjects } from "../resource/cassandra.ts";
import { resolveImages } from "../resource/images.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { reconcileVolumes, templateVolumeSize } from "./reconcile-volumes.ts";

/** Cassandra's nodes as the spec wants them; who may log in is another concern. */
export async function reconcileCassandra(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
  const size = templateVolumeSize(context.informers, cluster, "cassandra");
  await applyChildren(context, cluster, "cassandra", {
    beside: size,
    render: () =>
      cassandraObjects(cluster, resolveImages(cluster, context.defaultImages), size, context.operatorNamespace),
  });
  return reconcileVolumes(context, cluster, "cassandra");
}
