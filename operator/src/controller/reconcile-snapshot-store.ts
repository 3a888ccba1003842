import type { ChatCluster } from "../api/chat-cluster.ts";
import { SNAPSHOT_STORE_PORT } from "../cassandra-agent/paths.ts";
import { snapshotObjects } from "../resource/cassandra-snapshots.ts";
import { resolveImages } from "../resource/images.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { isReady, isTerminating, podsOf } from "./pods.ts";
import { reconcileVolumes, templateVolumeSize } from "./reconcile-volumes.ts";
import type { ReadyStore } from "./snapshots.ts";

/** What keeps the snapshots, as the spec wants it: its pod if that is ready. */
export async function reconcileSnapshotStore(
  context: ConcernContext,
  cluster: ChatCluster,
): Promise<{ readonly store: ReadyStore | undefined; readonly problem: Problem | undefined }> {
  const volumeSize = templateVolumeSize(context.informers, cluster, "snapshots");
  const images = resolveImages(cluster, context.defaultImages);
  const around = { images, volumeSize, operatorNamespace: context.operatorNamespace };
  await applyChildren(context, cluster, "snapshots", {
    beside: volumeSize,
    render: () => snapshotObjects(cluster, around),
  });
  const { snapshots } = cluster.spec.cassandra;
  if (!snapshots) return { store: undefined, problem: undefined };
  // A claim of somebody else's is grown by them.
  const problem = snapshots.claimName === undefined ? await reconcileVolumes(context, cluster, "snapshots") : undefined;
  const pod = podsOf(context.informers, cluster, "snapshots").find((each) => isReady(each) && !isTerminating(each));
  if (!pod) return { store: undefined, problem };
  const store = { uid: pod.metadata.uid ?? "", ip: pod.status?.podIP ?? "", port: SNAPSHOT_STORE_PORT };
  return { store, problem };
}
