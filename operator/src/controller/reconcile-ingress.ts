import type { ChatCluster } from "../api/chat-cluster.ts";
import { resolveImages } from "../resource/images.ts";
import { ingressObjects } from "../resource/ingress.ts";
import { applyChildren } from "./apply-children.ts";
import type { ConcernContext } from "./dependencies.ts";

/** HAProxy and its agent as the spec wants them. */
export async function reconcileIngress(context: ConcernContext, cluster: ChatCluster): Promise<void> {
  await applyChildren(context, cluster, "ingress", {
    beside: null,
    render: () => ingressObjects(cluster, resolveImages(cluster, context.defaultImages)),
  });
}
