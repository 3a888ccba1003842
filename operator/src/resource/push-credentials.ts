import type { k8s } from "cdk8s-plus-28";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { PUSH_SERVICES, type PushService } from "../api/spec/push.ts";

const DIRECTORY = "/etc/chatcluster/push";

/** The services that a spec asks for. */
export function wantedPushServices({ spec }: ChatCluster): PushService[] {
  return PUSH_SERVICES.filter((service) => spec.push[service] !== undefined);
}

/** The volumes with the services' keys. Whole folders: the kubelet renews those when a Secret changes, and the server reads them again. */
export function pushVolumes(cluster: ChatCluster, services: readonly PushService[]): k8s.Volume[] {
  return services.flatMap((service) => {
    const credentials = cluster.spec.push[service];
    if (!credentials) return [];
    const { secretName, key } = credentials;
    return [{ name: volumeName(service), secret: { secretName, items: [{ key, path: key }] } }];
  });
}

export function pushVolumeMounts(services: readonly PushService[]): k8s.VolumeMount[] {
  return services.map((service) => ({
    name: volumeName(service),
    mountPath: folder(service),
    readOnly: true,
  }));
}

/** The chat server's push variables: docs/push.md. */
export function pushVariables(cluster: ChatCluster, services: readonly PushService[]): Record<string, string> {
  const { apns, fcm, webPush, includeText, ttlSeconds } = cluster.spec.push;
  const has = (service: PushService) => services.includes(service);
  return {
    ...(includeText !== undefined && { CHAT_PUSH_INCLUDE_TEXT: String(includeText) }),
    ...(ttlSeconds !== undefined && { CHAT_PUSH_TTL_SECONDS: String(ttlSeconds) }),
    ...(apns &&
      has("apns") && {
        CHAT_APNS_KEY_FILE: `${folder("apns")}/${apns.key}`,
        CHAT_APNS_KEY_ID: apns.keyId,
        CHAT_APNS_TEAM_ID: apns.teamId,
        CHAT_APNS_TOPIC: apns.topic,
        ...(apns.environment === "sandbox" && { CHAT_APNS_URL: "https://api.sandbox.push.apple.com" }),
      }),
    ...(fcm && has("fcm") && { CHAT_FCM_SERVICE_ACCOUNT_FILE: `${folder("fcm")}/${fcm.key}` }),
    ...(webPush &&
      has("webPush") && {
        CHAT_WEBPUSH_PRIVATE_KEY_FILE: `${folder("webPush")}/${webPush.key}`,
        CHAT_WEBPUSH_PUBLIC_KEY: webPush.publicKey,
        CHAT_WEBPUSH_SUBJECT: webPush.subject,
      }),
  };
}

function volumeName(service: PushService): string {
  return `push-${service.toLowerCase()}`;
}

function folder(service: PushService): string {
  return `${DIRECTORY}/${service.toLowerCase()}`;
}
