import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { CASSANDRA_CQL_PORT, CASSANDRA_STORAGE_PORT, childName, labels, selectorLabels } from "./names.ts";

/** `NAME-cassandra`, headless. A node must find the seeds before any of them is ready, hence the addresses of those that are not. */
export function cassandraService(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeService(scope, "cassandra-service", {
    metadata: { name: childName(cluster, "cassandra"), labels: labels(cluster, "cassandra") },
    spec: {
      type: "ClusterIP",
      clusterIp: "None",
      publishNotReadyAddresses: true,
      selector: selectorLabels(cluster, "cassandra"),
      ports: [
        { name: "cql", port: CASSANDRA_CQL_PORT, targetPort: k8s.IntOrString.fromString("cql"), protocol: "TCP" },
        {
          name: "storage",
          port: CASSANDRA_STORAGE_PORT,
          targetPort: k8s.IntOrString.fromString("storage"),
          protocol: "TCP",
        },
      ],
    },
  });
}
