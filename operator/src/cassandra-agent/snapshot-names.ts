/** Names of snapshots, nodes and files: each is one component of a path, on Cassandra's disk, on the snapshots' volume and in URLs. */

/** `NAME-20261231-235959`: the ChatCluster's name and the time, in UTC. */
export const SNAPSHOT_NAME = "[a-z0-9](?:[-a-z0-9.]{0,190}[a-z0-9])?-[0-9]{8}-[0-9]{6}";
/** A pod's name. */
export const NODE_NAME = "[a-z0-9](?:[-a-z0-9.]{0,220}[a-z0-9])?";
/** A table as CQL writes it without quotes. */
export const TABLE_NAME = "[a-z][a-z0-9_]{0,47}";
/** A file of an SSTable, or the table's schema; never `.` or `..`. */
export const FILE_NAME = "[A-Za-z0-9][A-Za-z0-9_+.-]{0,190}";

/** The schema of a table, which Cassandra puts beside its files. */
export const SCHEMA_FILE = "schema.cql";
/** What Cassandra itself writes of a snapshot. It is of no use elsewhere. */
export const CASSANDRA_MANIFEST = "manifest.json";

/** Name of a snapshot that is made now. */
export function snapshotName(cluster: string, now: Date): string {
  const digits = now.toISOString().replaceAll(/[^0-9]/g, "");
  return `${cluster}-${digits.slice(0, 8)}-${digits.slice(8, 14)}`;
}

/** Whose snapshot it is, by its name. */
export function clusterOfSnapshot(name: string): string | undefined {
  return /^(.+)-[0-9]{8}-[0-9]{6}$/.exec(name)?.[1];
}
