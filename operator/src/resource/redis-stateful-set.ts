import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { redisServers } from "../api/spec/redis.ts";
import { CONFIG_HASH_ANNOTATION, configHash } from "./config-hash.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { childName, labels, REDIS_PORT, secretNames, selectorLabels } from "./names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { PROBE_USER } from "./redis-access.ts";
import { REDIS_AUTH_DIRECTORY, REDIS_AUTH_KEY, redisConfig, redisFiles } from "./redis-config.ts";
import { memberEnvironment } from "./redis-member-environment.ts";
import { memberHosts, type RedisAddresses } from "./redis-members.ts";
import { spread } from "./scheduling.ts";
import { DATA_VOLUME, dataVolumeClaim, volumeRetention } from "./volume-claim.ts";

/** The user of the Redis image. */
export const REDIS_USER = 999;

/** Seconds that a master has to hand over, and then to write its file. */
const GRACE_SECONDS = 60;

/**
 * `NAME-redis`: one Redis with an append-only file, or a master with its replicas.
 *
 * @param addresses of the members' Services, in mode `sentinel`
 */
export function redisStatefulSet(
  scope: Construct,
  cluster: ChatCluster,
  images: Images,
  volumeSize: string,
  addresses: RedisAddresses,
): void {
  const name = childName(cluster, "redis");
  const replicated = cluster.spec.redis.mode === "sentinel";
  const selector = selectorLabels(cluster, "redis");
  const config = replicated ? Object.values(redisFiles(cluster)).join("") : redisConfig(cluster);
  new k8s.KubeStatefulSet(scope, "redis-stateful-set", {
    metadata: { name, labels: labels(cluster, "redis") },
    spec: {
      replicas: redisServers(cluster.spec.redis),
      serviceName: name,
      podManagementPolicy: replicated ? "Parallel" : "OrderedReady",
      revisionHistoryLimit: 3,
      selector: { matchLabels: selector },
      // Which pod is the master decides the order, and the StatefulSet does not know it: redis/roll.ts.
      updateStrategy: { type: replicated ? "OnDelete" : "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: volumeRetention(cluster, "redis"),
      volumeClaimTemplates: [dataVolumeClaim(cluster, "redis", cluster.spec.redis.storage, volumeSize)],
      template: {
        metadata: {
          labels: labels(cluster, "redis"),
          annotations: { [CONFIG_HASH_ANNOTATION]: configHash(config) },
        },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: replicated ? GRACE_SECONDS : 30,
          securityContext: podSecurityContext(REDIS_USER),
          ...(replicated && { hostAliases: memberHosts(addresses), topologySpreadConstraints: spread(selector) }),
          containers: [replicated ? memberContainer(cluster, images) : redisContainer(cluster, images)],
          volumes: [
            { name: "config", configMap: { name } },
            {
              name: "auth",
              secret: {
                secretName: secretNames(cluster).redis,
                items: [{ key: REDIS_AUTH_KEY, path: REDIS_AUTH_KEY }],
              },
            },
            // The file that Redis rewrites holds passwords: in memory it is on no disk, and gone with the pod.
            ...(replicated
              ? [{ name: "run", emptyDir: { medium: "Memory", sizeLimit: k8s.Quantity.fromString("1Mi") } }]
              : []),
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
    resources: containerResources(cluster.spec.redis.resources),
    securityContext: containerSecurityContext,
    // It answers while it loads its file, so liveness needs no long wait; readiness wants the PONG.
    livenessProbe: {
      exec: { command: PING },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      exec: { command: ["sh", "-c", ANSWERS] },
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

/** A Redis that is a master or a replica, as the sentinels say. */
function memberContainer(cluster: ChatCluster, images: Images): k8s.Container {
  const container = redisContainer(cluster, images);
  return {
    ...container,
    command: ["sh", "/etc/redis/start.sh"],
    env: memberEnvironment(cluster),
    lifecycle: { preStop: { exec: { command: ["sh", "/etc/redis/hand-over.sh"] } } },
    // Until two sentinels agree there is no Redis, and a restart would not help.
    startupProbe: { ...container.livenessProbe, exec: { command: PING }, periodSeconds: 2, failureThreshold: 43_200 },
    // A replica is ready when it follows: a node must not be drained while the only other copy is on its way.
    readinessProbe: {
      exec: { command: ["sh", "-c", FOLLOWS] },
      periodSeconds: 3,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    volumeMounts: [...(container.volumeMounts ?? []), { name: "run", mountPath: "/run/redis" }],
  };
}

/** As a user who has no password: redis-cli logs in by name only with one, and any will do. */
const CLI = ["redis-cli", "--no-auth-warning", "--user", PROBE_USER, "--pass", PROBE_USER];
const PING = [...CLI, "ping"];
const ANSWERS = `test "$(${PING.join(" ")})" = PONG`;
const FOLLOWS = `${ANSWERS} && ${CLI.join(" ")} info replication | grep -Eq "^(role:master|master_link_status:up)"`;
