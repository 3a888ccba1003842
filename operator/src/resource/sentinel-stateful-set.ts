import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CONFIG_HASH_ANNOTATION, configHash } from "./config-hash.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { childName, labels, SENTINEL_PORT, secretNames, selectorLabels } from "./names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { PROBE_USER } from "./redis-access.ts";
import { REDIS_AUTH_DIRECTORY, REDIS_AUTH_KEY, SENTINEL_AUTH_KEY } from "./redis-config.ts";
import { memberEnvironment } from "./redis-member-environment.ts";
import { memberHosts, type RedisAddresses, sentinelNames } from "./redis-members.ts";
import { REDIS_USER } from "./redis-stateful-set.ts";
import { spread } from "./scheduling.ts";
import { sentinelFiles } from "./sentinel-config.ts";
import { DATA_VOLUME, dataVolumeClaim, volumeRetention } from "./volume-claim.ts";

/** A sentinel's memory hardly grows: it knows a handful of servers. */
const RESOURCES = { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "128Mi" } };
/** A file of a few lines. */
const VOLUME_SIZE = "64Mi";
/** Seconds for which a sentinel is there before the next one is replaced: the others have to hear from it (every 2 s). */
const SETTLE_SECONDS = 6;

/** `NAME-sentinel`: three sentinels, each with a volume for what it knows and whom it voted for. */
export function sentinelStatefulSet(
  scope: Construct,
  cluster: ChatCluster,
  images: Images,
  addresses: RedisAddresses,
): void {
  const name = childName(cluster, "sentinel");
  const selector = selectorLabels(cluster, "sentinel");
  new k8s.KubeStatefulSet(scope, "sentinel-stateful-set", {
    metadata: { name, labels: labels(cluster, "sentinel") },
    spec: {
      replicas: sentinelNames(cluster).length,
      serviceName: name,
      podManagementPolicy: "Parallel",
      revisionHistoryLimit: 3,
      minReadySeconds: SETTLE_SECONDS,
      selector: { matchLabels: selector },
      updateStrategy: { type: "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: volumeRetention(cluster, "sentinel"),
      volumeClaimTemplates: [dataVolumeClaim(cluster, "sentinel", cluster.spec.redis.storage, VOLUME_SIZE)],
      template: {
        metadata: {
          labels: labels(cluster, "sentinel"),
          annotations: { [CONFIG_HASH_ANNOTATION]: configHash(Object.values(sentinelFiles()).join("")) },
        },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 10,
          securityContext: podSecurityContext(REDIS_USER),
          hostAliases: memberHosts(addresses),
          topologySpreadConstraints: spread(selector),
          containers: [sentinelContainer(cluster, images)],
          volumes: [
            { name: "config", configMap: { name } },
            {
              name: "auth",
              secret: {
                secretName: secretNames(cluster).redis,
                items: [{ key: SENTINEL_AUTH_KEY, path: REDIS_AUTH_KEY }],
              },
            },
          ],
        },
      },
    },
  });
}

function sentinelContainer(cluster: ChatCluster, images: Images): k8s.Container {
  const cli = `redis-cli --no-auth-warning --user ${PROBE_USER} --pass ${PROBE_USER} -p ${SENTINEL_PORT}`;
  const ping = ["sh", "-c", `test "$(${cli} ping)" = PONG`];
  return {
    name: "sentinel",
    image: images.redis,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["sh", "/etc/redis/start.sh"],
    ports: [{ name: "sentinel", containerPort: SENTINEL_PORT, protocol: "TCP" }],
    env: memberEnvironment(cluster),
    resources: containerResources(RESOURCES),
    securityContext: containerSecurityContext,
    startupProbe: { exec: { command: ping }, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 120 },
    livenessProbe: { exec: { command: ping }, periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
    readinessProbe: { exec: { command: ping }, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2 },
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: "/data" },
      { name: "config", mountPath: "/etc/redis", readOnly: true },
      { name: "auth", mountPath: REDIS_AUTH_DIRECTORY, readOnly: true },
    ],
  };
}
