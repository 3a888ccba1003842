import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PushService } from "../api/spec/push.ts";
import { chatEnvironment } from "./chat-environment.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { CHAT_ADMIN_PORT, CHAT_PORT, childName, labels, selectorLabels } from "./names.ts";
import { PASSWORDS_ANNOTATION } from "./passwords-annotation.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { pushVolumeMounts, pushVolumes } from "./push-credentials.ts";
import { surgeBy } from "./rollout.ts";
import { spread } from "./scheduling.ts";
import { scrapeAnnotations } from "./scrape-annotations.ts";

const CHAT_USER = 10001;
/** Seconds beyond the drain in which the server closes what is left, and its stores. */
const EXIT_MARGIN_SECONDS = 15;

/**
 * `NAME-chat`. A new server is ready before an old one goes, so that capacity never falls in a roll; SIGTERM drains, hence no preStop.
 */
export function chatDeployment(
  scope: Construct,
  cluster: ChatCluster,
  images: Images,
  replicas: number,
  push: readonly PushService[],
  passwords: string | undefined,
): void {
  const { servers } = cluster.spec;
  const selector = selectorLabels(cluster, "chat");
  new k8s.KubeDeployment(scope, "chat-deployment", {
    metadata: { name: childName(cluster, "chat"), labels: labels(cluster, "chat") },
    spec: {
      replicas,
      ...surgeBy(servers.surge),
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: labels(cluster, "chat"),
          ...templateAnnotations(cluster, passwords),
        },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          // Services would otherwise appear as environment variables, some of which begin with CHAT_.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: servers.drainSeconds + EXIT_MARGIN_SECONDS,
          securityContext: podSecurityContext(CHAT_USER),
          topologySpreadConstraints: spread(selector),
          containers: [chatContainer(cluster, images, push)],
          ...(push.length > 0 && { volumes: pushVolumes(cluster, push) }),
        },
      },
    },
  });
}

/** An empty map is left out: the API server would record nothing of it that is ours. */
function templateAnnotations(cluster: ChatCluster, passwords: string | undefined): k8s.ObjectMeta {
  const annotations = {
    ...(passwords !== undefined && { [PASSWORDS_ANNOTATION]: passwords }),
    ...scrapeAnnotations(cluster, CHAT_ADMIN_PORT),
  };
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function chatContainer(cluster: ChatCluster, images: Images, push: readonly PushService[]): k8s.Container {
  return {
    name: "chat",
    image: images.chatServer,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["node", "/app/chat-server.mjs"],
    ports: [
      { name: "chat", containerPort: CHAT_PORT, protocol: "TCP" },
      { name: "admin", containerPort: CHAT_ADMIN_PORT, protocol: "TCP" },
    ],
    env: chatEnvironment(cluster, push),
    ...(push.length > 0 && { volumeMounts: pushVolumeMounts(push) }),
    resources: containerResources(cluster.spec.servers.resources),
    securityContext: containerSecurityContext,
    startupProbe: { httpGet: probePath("/healthz"), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    livenessProbe: { httpGet: probePath("/healthz"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: { httpGet: probePath("/readyz"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
  };
}

function probePath(path: string): k8s.HttpGetAction {
  return { path, port: k8s.IntOrString.fromString("admin") };
}
