import { Type } from "typebox";
import {
  CASSANDRA_AGENT_PORT,
  CASSANDRA_CONFIG_DIRECTORY,
  CASSANDRA_DATA_DIRECTORY,
  CASSANDRA_SOURCE_DIRECTORY,
  JOLOKIA_PORT,
  RESTORE_DIRECTORY,
  SNAPSHOT_STORE_PORT,
} from "./paths.ts";

/** The agent's environment, `AGENT_` before every name. */
export const CassandraAgentSettings = Type.Object({
  token: Type.String({
    minLength: 16,
    description: "bearer token of those who may read the node's state and change it",
  }),
  host: Type.String({ default: "0.0.0.0", description: "address that it listens on" }),
  port: Type.Integer({ default: CASSANDRA_AGENT_PORT, minimum: 0, maximum: 65535 }),
  peerPort: Type.Integer({
    default: CASSANDRA_AGENT_PORT,
    minimum: 1,
    maximum: 65535,
    description: "port of the other nodes' agents",
  }),
  jolokiaUrl: Type.String({ default: `http://127.0.0.1:${JOLOKIA_PORT}/jolokia/`, pattern: "^http://" }),
  dataDirectory: Type.String({
    default: CASSANDRA_DATA_DIRECTORY,
    description: "the node's volume, whose room is told and whose snapshots are given away",
  }),
  snapshotStore: Type.Optional(
    Type.String({ minLength: 1, description: "host of the snapshots, where the ring is made from one" }),
  ),
  snapshotStorePort: Type.Integer({ default: SNAPSHOT_STORE_PORT, minimum: 1, maximum: 65535 }),
  restoreDirectory: Type.String({ default: RESTORE_DIRECTORY, description: "where that passes through" }),
  logLevel: Type.String({ default: "info", pattern: "^(trace|debug|info|warn|error|fatal|silent)$" }),
});

/** The environment of the program that runs before Cassandra, `PREPARE_` before every name. */
export const PrepareSettings = Type.Object({
  podName: Type.String({ minLength: 1, description: "name of the pod, which ends in its number" }),
  service: Type.String({ minLength: 1, description: "the headless Service by which the nodes find each other" }),
  sourceDirectory: Type.String({ default: CASSANDRA_SOURCE_DIRECTORY, description: "the ConfigMap's files" }),
  targetDirectory: Type.String({ default: CASSANDRA_CONFIG_DIRECTORY, description: "where the node's files go" }),
  dataDirectory: Type.String({ default: CASSANDRA_DATA_DIRECTORY, description: "the node's volume" }),
  token: Type.String({ minLength: 16, description: "bearer token of the other nodes' agents" }),
  jolokiaJar: Type.String({ default: "/app/jolokia.jar", description: "Jolokia's agent for JVMs" }),
});
