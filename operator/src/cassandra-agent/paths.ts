/** Where Cassandra, and the agent in its pod, find things and listen; docs/architecture.md has the ports. */

/** The agent's API: `/healthz`, `/readyz` and, with the token, the node's state and the operations on it. */
export const CASSANDRA_AGENT_PORT = 8406;
/** The API of what keeps the snapshots. */
export const SNAPSHOT_STORE_PORT = 8407;
/** Jolokia in Cassandra's JVM; on the pod's loopback address only. */
export const JOLOKIA_PORT = 8778;
/** The cluster's configuration as the ConfigMap has it. Read by the init container only. */
export const CASSANDRA_SOURCE_DIRECTORY = "/etc/chatcluster/source";
/** The node's own configuration, which the init container makes of it. The image's own configuration folder stays as it is. */
export const CASSANDRA_CONFIG_DIRECTORY = "/etc/chatcluster/cassandra";
export const CASSANDRA_DATA_DIRECTORY = "/var/lib/cassandra";
/** A folder of that volume, where a snapshot that is restored passes through: as Cassandra sees it, and as the agent does. */
export const RESTORE_FOLDER = "restore";
export const RESTORE_DIRECTORY = "/var/lib/restore";
/** The volume with the snapshots. */
export const SNAPSHOT_DIRECTORY = "/var/lib/snapshots";
/** The keyspace that the chat servers make; their own default name. */
export const CHAT_KEYSPACE = "chat";
/** Files in the configuration directory. */
export const CASSANDRA_YAML = "cassandra.yaml";
/** The host id that each node had last, by its pod's number, as a JSON array; from the ConfigMap. */
export const HOST_IDS = "host-ids.json";
export const RACK_PROPERTIES = "cassandra-rackdc.properties";
export const JVM_OPTIONS = "jvm.options";
export const JOLOKIA_JAR = "jolokia.jar";
export const JOLOKIA_POLICY = "jolokia-access.xml";
