import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { chatDeployment } from "./chat-deployment.ts";
import { chatAdminService, chatService } from "./chat-service.ts";
import type { Images } from "./images.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { render } from "./render.ts";

/** Every object of the chat servers, in the order in which they are applied. */
export function chatObjects(cluster: ChatCluster, images: Images, replicas: number): KubernetesObject[] {
  return render(cluster, (scope) => {
    chatService(scope, cluster);
    chatAdminService(scope, cluster);
    podDisruptionBudget(scope, cluster, "chat");
    chatDeployment(scope, cluster, images, replicas);
  }).map((object) =>
    object.kind === "Deployment" ? overlayPodTemplate(object, cluster.spec.servers.podTemplate) : object,
  );
}
