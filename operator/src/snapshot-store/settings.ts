import { Type } from "typebox";
import { SNAPSHOT_DIRECTORY, SNAPSHOT_STORE_PORT } from "../cassandra-agent/paths.ts";

/** The store's environment, `STORE_` before every name. */
export const SnapshotStoreSettings = Type.Object({
  token: Type.String({ minLength: 16, description: "bearer token of the operator and of the agents beside Cassandra" }),
  host: Type.String({ default: "0.0.0.0", description: "address that it listens on" }),
  port: Type.Integer({ default: SNAPSHOT_STORE_PORT, minimum: 0, maximum: 65535 }),
  directory: Type.String({ default: SNAPSHOT_DIRECTORY, description: "the volume with the snapshots" }),
  logLevel: Type.String({ default: "info", pattern: "^(trace|debug|info|warn|error|fatal|silent)$" }),
});
