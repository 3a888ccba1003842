import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue, type Resources } from "../api/spec/quantity.ts";
import {
  CASSANDRA_AGENT_PORT,
  CASSANDRA_CONFIG_DIRECTORY,
  CASSANDRA_DATA_DIRECTORY,
  CASSANDRA_SOURCE_DIRECTORY,
  RESTORE_DIRECTORY,
  RESTORE_FOLDER,
} from "../cassandra-agent/paths.ts";
import { cassandraJvmOptions, cassandraYaml, heapSizes, rackProperties } from "./cassandra-config.ts";
import { CONFIG_HASH_ANNOTATION, configHash } from "./config-hash.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { CASSANDRA_CQL_PORT, CASSANDRA_STORAGE_PORT, childName, labels, secretNames, selectorLabels } from "./names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { spread } from "./scheduling.ts";
import { DATA_VOLUME, dataVolumeClaim, volumeRetention } from "./volume-claim.ts";

const CASSANDRA_USER = 999;
const LOG_DIRECTORY = "/var/log/cassandra";
const MEBIBYTE = 2 ** 20;

/** What the StatefulSet is made of, beside the spec. */
export interface CassandraSize {
  /** Pods that there should be. */
  readonly replicas: number;
  /** The host id that each node had last, by its pod's number. */
  readonly hostIds: readonly string[];
  /** The size in the claim template. */
  readonly volumeSize: string;
}

/** `NAME-cassandra`: nodes join, and are rolled, one after the other, each only when the one before is up and normal. */
export function cassandraStatefulSet(
  scope: Construct,
  cluster: ChatCluster,
  images: Images,
  { replicas, volumeSize }: Pick<CassandraSize, "replicas" | "volumeSize">,
): void {
  const { cassandra } = cluster.spec;
  const name = childName(cluster, "cassandra");
  const selector = selectorLabels(cluster, "cassandra");
  new k8s.KubeStatefulSet(scope, "cassandra-stateful-set", {
    metadata: { name, labels: labels(cluster, "cassandra") },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: "OrderedReady",
      revisionHistoryLimit: 3,
      selector: { matchLabels: selector },
      updateStrategy: { type: "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: volumeRetention(cluster, "cassandra"),
      volumeClaimTemplates: [dataVolumeClaim(cluster, "cassandra", cassandra.storage, volumeSize)],
      template: {
        metadata: {
          labels: labels(cluster, "cassandra"),
          annotations: { [CONFIG_HASH_ANNOTATION]: configHash(cassandraYaml(cluster) + rackProperties(cluster)) },
        },
        spec: {
          ...pullSecrets(cluster),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          // The drain flushes the memtables, which takes a while on a loaded node.
          terminationGracePeriodSeconds: 120,
          securityContext: podSecurityContext(CASSANDRA_USER),
          topologySpreadConstraints: spread(selector),
          initContainers: [prepareContainer(cluster, images)],
          containers: [cassandraContainer(cluster, images), agentContainer(cluster, images)],
          volumes: [
            { name: "source", configMap: { name } },
            { name: "config", emptyDir: {} },
            { name: "logs", emptyDir: {} },
            { name: "tmp", emptyDir: {} },
          ],
        },
      },
    },
  });
}

/** Makes the node's own configuration of the cluster's. */
function prepareContainer(cluster: ChatCluster, images: Images): k8s.Container {
  return {
    name: "prepare",
    image: images.cassandraAgent,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["node", "/app/cassandra-prepare.mjs"],
    env: [
      { name: "PREPARE_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "PREPARE_SERVICE", value: childName(cluster, "cassandra") },
      agentToken(cluster, "PREPARE_TOKEN"),
    ],
    resources: agentResources(),
    securityContext: containerSecurityContext,
    volumeMounts: [
      { name: "source", mountPath: CASSANDRA_SOURCE_DIRECTORY, readOnly: true },
      { name: "config", mountPath: CASSANDRA_CONFIG_DIRECTORY },
      // To see whether it holds anything.
      { name: DATA_VOLUME, mountPath: CASSANDRA_DATA_DIRECTORY, readOnly: true },
    ],
  };
}

function agentToken(cluster: ChatCluster, variable: string): k8s.EnvVar {
  const secretKeyRef = { name: secretNames(cluster).cassandraAgent, key: "token" };
  return { name: variable, valueFrom: { secretKeyRef } };
}

/** Says whether the node is up and normal, and does for the operator what only the node itself can do. */
function agentContainer(cluster: ChatCluster, images: Images): k8s.Container {
  const { restore } = cluster.spec.cassandra;
  return {
    name: "agent",
    image: images.cassandraAgent,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["node", "/app/cassandra-agent.mjs"],
    ports: [{ name: "agent", containerPort: CASSANDRA_AGENT_PORT, protocol: "TCP" }],
    env: [
      agentToken(cluster, "AGENT_TOKEN"),
      ...(restore ? [{ name: "AGENT_SNAPSHOT_STORE", value: childName(cluster, "snapshots") }] : []),
    ],
    resources: agentResources(),
    securityContext: containerSecurityContext,
    startupProbe: { httpGet: get("/healthz"), periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
    livenessProbe: { httpGet: get("/healthz"), periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
    readinessProbe: { httpGet: get("/readyz"), periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 3 },
    volumeMounts: [
      // To tell how much room there is, and to give snapshots away.
      { name: DATA_VOLUME, mountPath: CASSANDRA_DATA_DIRECTORY, readOnly: true },
      // Only where the ring is made from a snapshot, and of the volume no more than the folder that it passes through.
      ...(restore ? [{ name: DATA_VOLUME, mountPath: RESTORE_DIRECTORY, subPath: RESTORE_FOLDER }] : []),
    ],
  };
}

function agentResources(): k8s.ResourceRequirements {
  return containerResources({ requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "192Mi" } });
}

function get(path: string): k8s.HttpGetAction {
  return { path, port: k8s.IntOrString.fromString("agent") };
}

function cassandraContainer(cluster: ChatCluster, images: Images): k8s.Container {
  const heap = heapSizes(cluster);
  return {
    name: "cassandra",
    image: images.cassandra,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["cassandra", "-f"],
    ports: [
      { name: "cql", containerPort: CASSANDRA_CQL_PORT, protocol: "TCP" },
      { name: "storage", containerPort: CASSANDRA_STORAGE_PORT, protocol: "TCP" },
    ],
    env: [
      { name: "MAX_HEAP_SIZE", value: heap.max },
      { name: "HEAP_NEWSIZE", value: heap.young },
      { name: "JVM_EXTRA_OPTS", value: cassandraJvmOptions(cluster) },
      { name: "CASSANDRA_LOG_DIR", value: LOG_DIRECTORY },
      // nodetool keeps its history in the home folder.
      { name: "HOME", value: "/tmp" },
    ],
    resources: containerResources(withMemory(cluster.spec.cassandra.resources, cluster.spec.cassandra.heap)),
    securityContext: containerSecurityContext,
    // Clients and other nodes are told before it goes; what it holds in memory is on disk when SIGTERM comes.
    lifecycle: { preStop: { exec: { command: ["nodetool", "drain"] } } },
    // Joining a ring streams data first, which may take long: up to six hours.
    startupProbe: { tcpSocket: port("cql"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 10_800 },
    livenessProbe: { tcpSocket: port("storage"), periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
    readinessProbe: { tcpSocket: port("cql"), periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 3 },
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: CASSANDRA_DATA_DIRECTORY },
      { name: "config", mountPath: CASSANDRA_CONFIG_DIRECTORY, readOnly: true },
      { name: "logs", mountPath: LOG_DIRECTORY },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
}

/** Memory that the spec leaves out: the heap and as much again at most for buffers and metadata outside of it, and a margin. */
function withMemory({ requests, limits }: Resources, heap: string): Resources {
  const mebibytes = Math.ceil(quantityValue(heap) / MEBIBYTE);
  return {
    requests: { memory: `${mebibytes + 384}Mi`, ...requests },
    limits: { memory: `${2 * mebibytes + 768}Mi`, ...limits },
  };
}

function port(name: string): k8s.TcpSocketAction {
  return { port: k8s.IntOrString.fromString(name) };
}
