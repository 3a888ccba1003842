/** Where Cassandra, and the agent in its pod, find things and listen; docs/architecture.md has the ports. */

/** The agent's API: `/healthz`, `/readyz` and, with the token, the node's state and the operations on it. */
export const CASSANDRA_AGENT_PORT = 8406;
/** Jolokia in Cassandra's JVM; on the pod's loopback address only. */
export const JOLOKIA_PORT = 8778;
/** The cluster's configuration as the ConfigMap has it. Read by the init container only. */
export const CASSANDRA_SOURCE_DIRECTORY = "/etc/chatcluster/source";
/** The node's own configuration, which the init container makes of it. The image's own configuration folder stays as it is. */
export const CASSANDRA_CONFIG_DIRECTORY = "/etc/chatcluster/cassandra";
export const CASSANDRA_DATA_DIRECTORY = "/var/lib/cassandra";
/** Files in the configuration directory. */
export const CASSANDRA_YAML = "cassandra.yaml";
/** The host id that each node had last, by its pod's number, as a JSON array; from the ConfigMap. */
export const HOST_IDS = "host-ids.json";
export const RACK_PROPERTIES = "cassandra-rackdc.properties";
export const JVM_OPTIONS = "jvm.options";
export const JOLOKIA_JAR = "jolokia.jar";
export const JOLOKIA_POLICY = "jolokia-access.xml";
