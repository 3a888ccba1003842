import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { SnapshotsSpec } from "../api/spec/snapshots.ts";
import { SNAPSHOT_DIRECTORY, SNAPSHOT_STORE_PORT } from "../cassandra-agent/paths.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { containerResources } from "./container-resources.ts";
import { secret } from "./environment.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { childName, labels, secretNames, selectorLabels } from "./names.ts";
import { snapshotsNetworkPolicy } from "./network-policy.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { render } from "./render.ts";
import { DATA_VOLUME, dataVolumeClaim } from "./volume-claim.ts";

/** The user of the operator's image. */
const STORE_USER = 10_001;

export interface SnapshotsAround {
  readonly images: Images;
  /** The size in the claim template. */
  readonly volumeSize: string;
  readonly operatorNamespace: string;
}

/** What keeps the snapshots: one pod with the volume. Without `spec.cassandra.snapshots` there is none. */
export function snapshotObjects(cluster: ChatCluster, around: SnapshotsAround): KubernetesObject[] {
  const { snapshots } = cluster.spec.cassandra;
  if (!snapshots) return [];
  return render(cluster, (scope) => {
    storeService(scope, cluster);
    if (cluster.spec.networkPolicies) snapshotsNetworkPolicy(scope, cluster, around.operatorNamespace);
    storeStatefulSet(scope, cluster, snapshots, around);
  });
}

/** `NAME-snapshots`, by which agents find the store when the ring is made from a snapshot. */
function storeService(scope: Construct, cluster: ChatCluster): void {
  const ports = [
    {
      name: "snapshots",
      port: SNAPSHOT_STORE_PORT,
      targetPort: k8s.IntOrString.fromString("snapshots"),
      protocol: "TCP",
    },
  ];
  new k8s.KubeService(scope, "snapshots-service", {
    metadata: { name: childName(cluster, "snapshots"), labels: labels(cluster, "snapshots") },
    spec: { type: "ClusterIP", clusterIp: "None", selector: selectorLabels(cluster, "snapshots"), ports },
  });
}

/** A StatefulSet and no Deployment: two pods must never have the volume at once. */
function storeStatefulSet(
  scope: Construct,
  cluster: ChatCluster,
  { claimName, storage }: SnapshotsSpec,
  { images, volumeSize }: SnapshotsAround,
): void {
  const name = childName(cluster, "snapshots");
  new k8s.KubeStatefulSet(scope, "snapshots-stateful-set", {
    metadata: { name, labels: labels(cluster, "snapshots") },
    spec: {
      replicas: 1,
      serviceName: name,
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(cluster, "snapshots") },
      updateStrategy: { type: "RollingUpdate" },
      // Snapshots are for when the ChatCluster is gone: whatever becomes of its own volumes, this one stays.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      volumeClaimTemplates: claimName === undefined ? [dataVolumeClaim(cluster, "snapshots", storage, volumeSize)] : [],
      template: {
        metadata: { labels: labels(cluster, "snapshots") },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 10,
          securityContext: podSecurityContext(STORE_USER),
          containers: [storeContainer(cluster, images)],
          volumes: claimName === undefined ? [] : [{ name: DATA_VOLUME, persistentVolumeClaim: { claimName } }],
        },
      },
    },
  });
}

function storeContainer(cluster: ChatCluster, images: Images): k8s.Container {
  const get = (path: string) => ({ path, port: k8s.IntOrString.fromString("snapshots") });
  return {
    name: "snapshots",
    image: images.cassandraAgent,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["node", "/app/snapshot-store.mjs"],
    ports: [{ name: "snapshots", containerPort: SNAPSHOT_STORE_PORT, protocol: "TCP" }],
    env: [secret("STORE_TOKEN", secretNames(cluster).cassandraAgent, "token")],
    resources: containerResources({ requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } }),
    securityContext: containerSecurityContext,
    startupProbe: { httpGet: get("/healthz"), periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
    livenessProbe: { httpGet: get("/healthz"), periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
    readinessProbe: { httpGet: get("/readyz"), periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 3 },
    volumeMounts: [{ name: DATA_VOLUME, mountPath: SNAPSHOT_DIRECTORY }],
  };
}
