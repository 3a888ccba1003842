import { type Static, Type } from "typebox";
import { SnapshotFile } from "../cassandra-agent/node-snapshots.ts";
import { NODE_NAME, SNAPSHOT_NAME } from "../cassandra-agent/snapshot-names.ts";

/** Bytes of the longest manifest that is read: some 100,000 files. */
export const MAX_MANIFEST = 32 * 2 ** 20;

const ManifestFile = Type.Object({
  ...SnapshotFile.properties,
  sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
});

/** What a snapshot is of. */
export const Summary = Type.Object({
  name: Type.String({ pattern: `^${SNAPSHOT_NAME}$` }),
  /** When all nodes had taken it, and when its last file was on the volume. */
  takenAt: Type.String(),
  completedAt: Type.String(),
  bytes: Type.Integer({ minimum: 0 }),
  /** The request that it was made on, if it was. */
  request: Type.Optional(Type.String({ maxLength: 253 })),
});
export type Summary = Static<typeof Summary>;

/** `manifest.json` of a snapshot: every file that belongs to it, by the pod of the node that had it. */
export const Manifest = Type.Object({
  version: Type.Literal(1),
  ...Summary.properties,
  nodes: Type.Array(Type.Object({ pod: Type.String({ pattern: `^${NODE_NAME}$` }), files: Type.Array(ManifestFile) }), {
    minItems: 1,
    maxItems: 100,
  }),
});
export type Manifest = Static<typeof Manifest>;
