import type { Logger } from "@chatcluster/foundation/logger";
import type { KubeConfig } from "@kubernetes/client-node";
import { LEASE_NAME } from "../api/rbac.ts";
import { httpCassandraAgentClient } from "../cassandra-agent/client.ts";
import { Applier, Controller, type Informer, Manager, Scheme, Secret, systemClock } from "../runtime/index.ts";
import { httpSnapshotStoreClient } from "../snapshot-store/client.ts";
import { SettledChildren } from "./apply-children.ts";
import { cqlCassandraCredentials } from "./cassandra-credentials.ts";
import { cqlCassandraReplication } from "./cassandra-replication.ts";
import { cqlCassandraSchema } from "./cassandra-schema.ts";
import { ChatClusterReconciler } from "./chat-cluster-reconciler.ts";
import { clusterOfLabels } from "./cluster-of-labels.ts";
import { conditionMetrics } from "./condition-metrics.ts";
import type { OperatorConfig } from "./config.ts";
import type { Dependencies } from "./dependencies.ts";
import { CHAT_CLUSTER, childInformer, createInformers } from "./informers.ts";
import { redisInspector } from "./redis-inspector.ts";
import { redisPasswordSetter } from "./redis-passwords.ts";
import { httpServerStatusClient } from "./server-status-client.ts";

/** Tests put their own in the place of what reaches out of Kubernetes. */
export type Overrides = Partial<
  Pick<
    Dependencies,
    | "serverStatus"
    | "cassandraCredentials"
    | "cassandraReplication"
    | "cassandraSchema"
    | "cassandraAgents"
    | "snapshotStore"
    | "redisInspector"
    | "redisPasswords"
    | "clock"
  >
>;

/** The operator, ready to run: informers, controller and election. */
export function createManager(
  config: OperatorConfig,
  kubeConfig: KubeConfig,
  logger: Logger,
  overrides: Overrides = {},
): Manager {
  const manager = new Manager({
    kubeConfig,
    scheme: new Scheme(CHAT_CLUSTER),
    logger,
    instance: config.podName,
    health: { host: config.healthHost, port: config.healthPort },
    ...(config.leaderElection && {
      leaderElection: { lease: { namespace: config.namespace, name: LEASE_NAME } },
    }),
  });
  const informers = createInformers(manager, namespacesOf(config.watchNamespace));
  conditionMetrics(manager.metrics.registry, informers.chatClusters);
  const children: Informer[] = [...informers.children.values()];
  const reconciler = new ChatClusterReconciler({
    client: manager.client,
    applier: new Applier({ client: manager.client, logger, informers: children }),
    settled: new SettledChildren(),
    informers,
    events: manager.events,
    serverStatus: httpServerStatusClient,
    cassandraCredentials: cqlCassandraCredentials,
    cassandraReplication: cqlCassandraReplication,
    cassandraSchema: cqlCassandraSchema,
    cassandraAgents: httpCassandraAgentClient,
    snapshotStore: httpSnapshotStoreClient,
    redisInspector,
    redisPasswords: redisPasswordSetter,
    clock: systemClock,
    operatorNamespace: config.namespace,
    ...overrides,
    defaultImages: {
      chatServer: config.imageChatServer,
      ingressAgent: config.imageIngressAgent,
      redis: config.imageRedis,
      cassandra: config.imageCassandra,
      cassandraAgent: config.imageIngressAgent,
      haproxy: config.imageHaproxy,
    },
  });
  manager.add(
    new Controller({
      name: "chatcluster",
      primary: informers.chatClusters,
      owns: children,
      watches: [
        { informer: informers.pods, map: clusterOfLabels },
        { informer: informers.volumeClaims, map: clusterOfLabels },
        // Those that outlive their ChatCluster have no owner.
        { informer: childInformer(informers, Secret), map: clusterOfLabels },
      ],
      reconcile: reconciler.reconcile,
      maxConcurrent: config.maxConcurrent,
    }),
  );
  return manager;
}

function namespacesOf(text: string): string[] | undefined {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names.length === 0 ? undefined : names;
}
