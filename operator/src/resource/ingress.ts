import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { httpRoute } from "./http-route.ts";
import type { Images } from "./images.ts";
import { ingressAccess } from "./ingress-access.ts";
import { ingressConfigMap } from "./ingress-config.ts";
import { ingressDeployment } from "./ingress-deployment.ts";
import { ingressObject } from "./ingress-object.ts";
import { ingressService } from "./ingress-service.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { render } from "./render.ts";

/** Every object of the clients' way in, in the order in which they are applied; none where the spec wants none. */
export function ingressObjects(cluster: ChatCluster, images: Images): KubernetesObject[] {
  const { mode, ingress, gateway, podTemplate } = cluster.spec.ingress;
  if (ingress) return render(cluster, (scope) => ingressObject(scope, cluster, ingress));
  if (gateway) return render(cluster, (scope) => httpRoute(scope, cluster, gateway));
  if (mode !== "Managed") return [];
  const objects = render(cluster, (scope) => {
    ingressAccess(scope, cluster);
    ingressConfigMap(scope, cluster);
    ingressService(scope, cluster);
    podDisruptionBudget(scope, cluster, "ingress");
    ingressDeployment(scope, cluster, images);
  });
  return overlayPodTemplate(objects, podTemplate);
}
