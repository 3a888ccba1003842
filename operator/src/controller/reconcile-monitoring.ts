import type { ChatCluster } from "../api/chat-cluster.ts";
import { monitoringObjects } from "../resource/monitoring.ts";
import { PodMonitor } from "../runtime/index.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { missingKind } from "./missing-kind.ts";

/** PodMonitors and who may read metrics. Where the kind of the first is missing, the rest is made. */
export async function reconcileMonitoring(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
  const missing = cluster.spec.monitoring.podMonitor
    ? missingKind(context, PodMonitor, "spec.monitoring.podMonitor", "PodMonitorMissing")
    : undefined;
  await applyChildren(context, cluster, "monitoring", {
    beside: missing === undefined,
    render: () => monitoringObjects(cluster, context.operatorNamespace, missing === undefined),
  });
  return missing;
}
