import { type Static, Type } from "typebox";
import { SNAPSHOT_NAME } from "../../cassandra-agent/snapshot-names.ts";
import { Storage } from "./quantity.ts";

/** Where snapshots of the messages are kept, and when they are made. */
export const SnapshotsSpec = Type.Object(
  {
    storage: Storage({
      size: "10Gi",
      path: "spec.cassandra.snapshots.storage",
      description:
        "The volume of the snapshots, which is never deleted by the operator. It holds one snapshot more than are kept, each of the data of all " +
        "nodes.",
    }),
    claimName: Type.Optional(
      Type.String({
        pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        maxLength: 253,
        description:
          "A PersistentVolumeClaim that is there already, instead of one made from `storage`: such as one with the snapshots of a ChatCluster " +
          "that is gone.",
      }),
    ),
    everyHours: Type.Integer({
      minimum: 0,
      maximum: 8784,
      default: 24,
      description: "Hours from one snapshot to the next; 0 makes them on request only.",
    }),
    keep: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 7,
      description: "How many snapshots of this ChatCluster are kept; older ones go once a new one is complete.",
    }),
  },
  {
    description:
      "Snapshots of the messages on a volume of their own. The annotation `chatcluster.dev/snapshot` asks for one at once: each new value makes " +
      "one.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.claimName) == has(oldSelf.claimName) && (!has(self.claimName) || self.claimName == oldSelf.claimName)",
        message:
          "spec.cassandra.snapshots.claimName cannot be changed: take spec.cassandra.snapshots out first, and add it again",
        reason: "FieldValueForbidden",
      },
    ],
  },
);
export type SnapshotsSpec = Static<typeof SnapshotsSpec>;

/** What a new ChatCluster begins with. */
export const RestoreSpec = Type.Object(
  {
    snapshot: Type.String({
      pattern: `^${SNAPSHOT_NAME}$`,
      maxLength: 253,
      description: "Name of a snapshot on the volume of `spec.cassandra.snapshots`, of whichever ChatCluster it was.",
    }),
  },
  {
    description:
      "The snapshot that a new ChatCluster begins with, into as many nodes and copies as it has. It is restored once, before the chat servers " +
      "start.",
    "x-kubernetes-validations": [
      {
        rule: "self == oldSelf",
        message: "spec.cassandra.restore cannot be changed: make a new ChatCluster",
        reason: "FieldValueForbidden",
      },
    ],
  },
);
