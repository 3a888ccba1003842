import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CONFIG_HASH_ANNOTATION, configHash } from "./config-hash.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { childName, labels, REDIS_PORT, secretNames, selectorLabels } from "./names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { REDIS_AUTH_DIRECTORY, REDIS_AUTH_KEY, redisConfig } from "./redis-config.ts";
import { DATA_VOLUME, dataVolumeClaim, volumeRetention } from "./volume-claim.ts";

const REDIS_USER = 999;

/** `NAME-redis`: one Redis with an append-only file. */
export function redisStatefulSet(scope: Construct, cluster: ChatCluster, images: Images, volumeSize: string): void {
  const name = childName(cluster, "redis");
  new k8s.KubeStatefulSet(scope, "redis-stateful-set", {
    metadata: { name, labels: labels(cluster, "redis") },
    spec: {
      replicas: 1,
      serviceName: name,
      podManagementPolicy: "OrderedReady",
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(cluster, "redis") },
      updateStrategy: { type: "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: volumeRetention(cluster, "redis"),
      volumeClaimTemplates: [dataVolumeClaim(cluster, "redis", cluster.spec.redis.storage, volumeSize)],
      template: {
        metadata: {
          labels: labels(cluster, "redis"),
          annotations: { [CONFIG_HASH_ANNOTATION]: configHash(redisConfig(cluster)) },
        },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 30,
          securityContext: podSecurityContext(REDIS_USER),
          containers: [redisContainer(cluster, images)],
          volumes: [
            { name: "config", configMap: { name } },
            {
              name: "auth",
              secret: {
                secretName: secretNames(cluster).redis,
                items: [{ key: REDIS_AUTH_KEY, path: REDIS_AUTH_KEY }],
              },
            },
          ],
        },
      },
    },
  });
}

function redisContainer(cluster: ChatCluster, images: Images): k8s.Container {
  return {
    name: "redis",
    image: images.redis,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["redis-server", "/etc/redis/redis.conf"],
    ports: [{ name: "redis", containerPort: REDIS_PORT, protocol: "TCP" }],
    env: [
      // redis-cli's own variable: the password is not on the probes' command line.
      {
        name: "REDISCLI_AUTH",
        valueFrom: { secretKeyRef: { name: secretNames(cluster).redis, key: "password" } },
      },
    ],
    resources: containerResources(cluster.spec.redis.resources),
    securityContext: containerSecurityContext,
    // It answers while it loads its file, so liveness needs no long wait; readiness wants the PONG.
    livenessProbe: {
      exec: { command: ["redis-cli", "ping"] },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      exec: { command: ["sh", "-c", 'test "$(redis-cli ping)" = PONG'] },
      periodSeconds: 2,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: "/data" },
      { name: "config", mountPath: "/etc/redis", readOnly: true },
      { name: "auth", mountPath: REDIS_AUTH_DIRECTORY, readOnly: true },
    ],
  };
}
