import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import type { Images } from "./images.ts";
import { ingressAccess } from "./ingress-access.ts";
import { ingressConfigMap } from "./ingress-config.ts";
import { ingressDeployment } from "./ingress-deployment.ts";
import { ingressService } from "./ingress-service.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { render } from "./render.ts";

/** Every object of the ingress, in the order in which they are applied; none where the spec wants none. */
export function ingressObjects(cluster: ChatCluster, images: Images): KubernetesObject[] {
  if (cluster.spec.ingress.mode === "None") return [];
  return render(cluster, (scope) => {
    ingressAccess(scope, cluster);
    ingressConfigMap(scope, cluster);
    ingressService(scope, cluster);
    podDisruptionBudget(scope, cluster, "ingress");
    ingressDeployment(scope, cluster, images);
  });
}
