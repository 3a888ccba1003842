import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { chatDeployment } from "./chat-deployment.ts";
import { chatAdminService, chatService } from "./chat-service.ts";
import type { Images } from "./images.ts";
import { podDisruptionBudget } from "./pod-disruption-budget.ts";
import { overlayPodTemplate } from "./pod-template-overlay.ts";
import { wantedPushServices } from "./push-credentials.ts";
import { render } from "./render.ts";

/**
 * Every object of the chat servers, in the order in which they are applied.
 *
 * @param push the push services whose keys are there
 * @param passwords a digest of the logins that the servers are made with
 */
export function chatObjects(
  cluster: ChatCluster,
  images: Images,
  replicas: number,
  push: readonly PushService[] = wantedPushServices(cluster),
  passwords?: string,
): KubernetesObject[] {
  const objects = render(cluster, (scope) => {
    chatService(scope, cluster);
    chatAdminService(scope, cluster);
    podDisruptionBudget(scope, cluster, "chat");
    chatDeployment(scope, cluster, images, replicas, push, passwords);
  });
  return overlayPodTemplate(objects, cluster.spec.servers.podTemplate);
}
