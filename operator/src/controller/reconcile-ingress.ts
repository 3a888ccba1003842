import type { ChatCluster } from "../api/chat-cluster.ts";
import { resolveImages } from "../resource/images.ts";
import { ingressObjects } from "../resource/ingress.ts";
import { HttpRoute } from "../runtime/index.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { missingKind } from "./missing-kind.ts";

/**
 * The clients' way in as the spec wants it: HAProxy and its agent, an Ingress or an HTTPRoute. While the kind of the last is not there, the way in
 * that there was stays.
 */
export async function reconcileIngress(context: ConcernContext, cluster: ChatCluster): Promise<Problem | undefined> {
  if (cluster.spec.ingress.gateway) {
    const missing = missingKind(context, HttpRoute, "spec.ingress.mode Gateway", "GatewayApiMissing");
    if (missing) return missing;
  }
  await applyChildren(context, cluster, "ingress", {
    beside: null,
    render: () => ingressObjects(cluster, resolveImages(cluster, context.defaultImages)),
  });
  return undefined;
}
