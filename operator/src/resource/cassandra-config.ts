import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import { stringify } from "yaml";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue } from "../api/spec/quantity.ts";
import { CASSANDRA_CQL_PORT, CASSANDRA_STORAGE_PORT, childName, labels } from "./names.ts";

/** Where the ConfigMap is mounted. The image's own configuration folder stays as it is; the JVM is pointed here. */
export const CASSANDRA_CONFIG_DIRECTORY = "/etc/chatcluster/cassandra";
export const CASSANDRA_DATA_DIRECTORY = "/var/lib/cassandra";

const MEBIBYTE = 2 ** 20;
/** Below it, caches and memtables are held small: it is a test cluster's heap. */
const SMALL_HEAP = 1024 * MEBIBYTE;

/** cassandra.yaml for Cassandra 5.0. https://cassandra.apache.org/doc/5.0/cassandra/managing/configuration/cass_yaml_file.html */
export function cassandraYaml(cluster: ChatCluster): string {
  const name = childName(cluster, "cassandra");
  const small = quantityValue(cluster.spec.cassandra.heap) < SMALL_HEAP;
  return stringify({
    cluster_name: `${cluster.metadata.namespace}/${cluster.metadata.name}`,
    num_tokens: 16,
    allocate_tokens_for_local_replication_factor: cluster.spec.cassandra.replicationFactor,
    // Addresses are left out: the pod's own is taken, which changes with every restart.
    native_transport_port: CASSANDRA_CQL_PORT,
    storage_port: CASSANDRA_STORAGE_PORT,
    endpoint_snitch: "GossipingPropertyFileSnitch",
    seed_provider: [
      {
        class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
        // The short name is in the first pod's /etc/hosts before DNS knows it; the others find it by the long one.
        parameters: [{ seeds: `${name}-0,${name}-0.${name}` }],
      },
    ],
    authenticator: "PasswordAuthenticator",
    authorizer: "CassandraAuthorizer",
    role_manager: "CassandraRoleManager",
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    data_file_directories: [`${CASSANDRA_DATA_DIRECTORY}/data`],
    commitlog_directory: `${CASSANDRA_DATA_DIRECTORY}/commitlog`,
    saved_caches_directory: `${CASSANDRA_DATA_DIRECTORY}/saved_caches`,
    hints_directory: `${CASSANDRA_DATA_DIRECTORY}/hints`,
    // The log is a memory-mapped file: a killed process loses nothing, a killed kernel at most this much on one node (decision 15).
    commitlog_sync: "periodic",
    commitlog_sync_period: "1s",
    disk_failure_policy: "die",
    commit_failure_policy: "die",
    uuid_sstable_identifiers_enabled: true,
    ...(small && {
      memtable_heap_space: "64MiB",
      memtable_offheap_space: "64MiB",
      file_cache_size: "32MiB",
      key_cache_size: "8MiB",
      commitlog_segment_size: "16MiB",
      commitlog_total_space: "256MiB",
      concurrent_reads: 16,
      concurrent_writes: 16,
      concurrent_compactors: 1,
    }),
  });
}

/** cassandra-rackdc.properties: where the snitch has this node's place from. */
export function rackProperties(cluster: ChatCluster): string {
  return `dc=${cluster.spec.cassandra.datacenter}\nrack=rack1\nprefer_local=false\n`;
}

/**
 * What is added to the JVM's options. A single node has nobody to wait for, so the waits of a start that are meant for a ring are cut;
 * with a small heap the serial collector is the cheap one.
 */
export function cassandraJvmOptions(cluster: ChatCluster): string {
  const options = [
    `-Dcassandra.config=file://${CASSANDRA_CONFIG_DIRECTORY}/cassandra.yaml`,
    `-Dcassandra-rackdc.properties=file://${CASSANDRA_CONFIG_DIRECTORY}/cassandra-rackdc.properties`,
    // The default superuser is needed at once, to be replaced.
    "-Dcassandra.superuser_setup_delay_ms=0",
  ];
  if (cluster.spec.cassandra.nodes === 1)
    options.push("-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1000");
  if (quantityValue(cluster.spec.cassandra.heap) < SMALL_HEAP) options.push("-XX:-UseG1GC", "-XX:+UseSerialGC");
  return options.join(" ");
}

/** `MAX_HEAP_SIZE` and `HEAP_NEWSIZE` as the image reads them, in MiB. */
export function heapSizes(cluster: ChatCluster): { max: string; young: string } {
  const mebibytes = Math.floor(quantityValue(cluster.spec.cassandra.heap) / MEBIBYTE);
  return { max: `${mebibytes}M`, young: `${Math.floor(mebibytes / 4)}M` };
}

export function cassandraConfigMap(scope: Construct, cluster: ChatCluster): void {
  new k8s.KubeConfigMap(scope, "cassandra-config", {
    metadata: { name: childName(cluster, "cassandra"), labels: labels(cluster, "cassandra") },
    data: { "cassandra.yaml": cassandraYaml(cluster), "cassandra-rackdc.properties": rackProperties(cluster) },
  });
}
