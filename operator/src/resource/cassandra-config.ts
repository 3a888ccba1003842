import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import { parse, stringify } from "yaml";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue } from "../api/spec/quantity.ts";
import {
  CASSANDRA_CONFIG_DIRECTORY,
  CASSANDRA_DATA_DIRECTORY,
  CASSANDRA_YAML,
  HOST_IDS,
  JOLOKIA_JAR,
  JOLOKIA_POLICY,
  JOLOKIA_PORT,
  JVM_OPTIONS,
  RACK_PROPERTIES,
} from "../cassandra-agent/paths.ts";
import { CASSANDRA_CQL_PORT, CASSANDRA_STORAGE_PORT, childName, labels } from "./names.ts";

const MEBIBYTE = 2 ** 20;
/** Below it, caches and memtables are held small: it is a test cluster's heap. */
const SMALL_HEAP = 1024 * MEBIBYTE;

/**
 * cassandra.yaml for Cassandra 5.0, but for the seeds, which are each node's own (cassandra-agent/prepare.ts).
 * https://cassandra.apache.org/doc/5.0/cassandra/managing/configuration/cass_yaml_file.html
 */
export function cassandraYaml(cluster: ChatCluster): string {
  const small = quantityValue(cluster.spec.cassandra.heap) < SMALL_HEAP;
  return stringify({
    cluster_name: `${cluster.metadata.namespace}/${cluster.metadata.name}`,
    num_tokens: 16,
    // Not the spec's: tokens are chosen once, when a node joins, and a changed setting would roll every node for nothing.
    allocate_tokens_for_local_replication_factor: 3,
    // Addresses are left out: the pod's own is taken, which changes with every restart.
    native_transport_port: CASSANDRA_CQL_PORT,
    storage_port: CASSANDRA_STORAGE_PORT,
    endpoint_snitch: "GossipingPropertyFileSnitch",
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
    // As YAML reads them: a text "true" is a boolean here.
    ...Object.fromEntries(
      Object.entries(cluster.spec.cassandra.config).map(([key, value]) => [key, parse(String(value)) as unknown]),
    ),
  });
}

/** cassandra-rackdc.properties: where the snitch has this node's place from. */
export function rackProperties(cluster: ChatCluster): string {
  return `dc=${cluster.spec.cassandra.datacenter}\nrack=rack1\nprefer_local=false\n`;
}

/** What is added to the JVM's options. With a small heap the serial collector is the cheap one. The spec's own come last, and win. */
export function cassandraJvmOptions(cluster: ChatCluster): string {
  const options = [
    `-Dcassandra.config=file://${CASSANDRA_CONFIG_DIRECTORY}/${CASSANDRA_YAML}`,
    `-Dcassandra-rackdc.properties=file://${CASSANDRA_CONFIG_DIRECTORY}/${RACK_PROPERTIES}`,
    jolokiaAgent(),
    // Java reads further options from the file.
    `@${CASSANDRA_CONFIG_DIRECTORY}/${JVM_OPTIONS}`,
    // The default superuser is needed at once, to be replaced.
    "-Dcassandra.superuser_setup_delay_ms=0",
  ];
  if (quantityValue(cluster.spec.cassandra.heap) < SMALL_HEAP) options.push("-XX:-UseG1GC", "-XX:+UseSerialGC");
  return [...options, ...cluster.spec.cassandra.jvmOptions].join(" ");
}

/** Jolokia, reachable from the pod's own containers alone, and bound to its policy. https://jolokia.org/reference/html/manual/agents.html */
function jolokiaAgent(): string {
  const settings = {
    port: JOLOKIA_PORT,
    host: "127.0.0.1",
    discoveryEnabled: false,
    policyLocation: `file://${CASSANDRA_CONFIG_DIRECTORY}/${JOLOKIA_POLICY}`,
  };
  const list = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `-javaagent:${CASSANDRA_CONFIG_DIRECTORY}/${JOLOKIA_JAR}=${list.join(",")}`;
}

/** `MAX_HEAP_SIZE` and `HEAP_NEWSIZE` as the image reads them, in MiB. */
export function heapSizes(cluster: ChatCluster): { max: string; young: string } {
  const mebibytes = Math.floor(quantityValue(cluster.spec.cassandra.heap) / MEBIBYTE);
  return { max: `${mebibytes}M`, young: `${Math.floor(mebibytes / 4)}M` };
}

/** @param hostIds what each node was last, by its pod's number: no reason to restart one */
export function cassandraConfigMap(scope: Construct, cluster: ChatCluster, hostIds: readonly string[]): void {
  new k8s.KubeConfigMap(scope, "cassandra-config", {
    metadata: { name: childName(cluster, "cassandra"), labels: labels(cluster, "cassandra") },
    data: {
      [CASSANDRA_YAML]: cassandraYaml(cluster),
      [RACK_PROPERTIES]: rackProperties(cluster),
      [HOST_IDS]: JSON.stringify(hostIds),
    },
  });
}
