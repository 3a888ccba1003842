import { type Static, Type } from "typebox";
import { PodTemplate } from "./pod-template.ts";
import { Quantity, Resources, Storage } from "./quantity.ts";
import { RestoreSpec, SnapshotsSpec } from "./snapshots.ts";

/** Settings of cassandra.yaml that are the operator's: by them nodes find each other, their data, and who may log in. */
const OWN_SETTINGS = [
  "cluster_name",
  "num_tokens",
  "native_transport_port",
  "storage_port",
  "listen_address",
  "broadcast_address",
  "rpc_address",
  "broadcast_rpc_address",
  "endpoint_snitch",
  "seed_provider",
  "authenticator",
  "authorizer",
  "role_manager",
  "partitioner",
  "data_file_directories",
  "commitlog_directory",
  "saved_caches_directory",
  "hints_directory",
] as const;

/** A Cassandra that somebody else runs. */
const External = Type.Optional(
  Type.Object(
    {
      contactPoints: Type.Array(
        Type.String({
          pattern: "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$",
          maxLength: 259,
          description: "A host, or host:port; the port is 9042 when left out.",
        }),
        {
          minItems: 1,
          maxItems: 16,
          description:
            "Nodes of the data centre of spec.cassandra.datacenter that are asked first; they tell of the others.",
        },
      ),
      secretName: Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          "Secret with keys `username` and `password` of a role that may make the keyspace, or owns one that is there already.",
      }),
      keyspace: Type.Optional(
        Type.String({
          pattern: "^[a-z][a-z0-9_]*$",
          maxLength: 48,
          description:
            "The keyspace of the messages; `chat` when left out. ChatClusters that share a Cassandra need one each.",
        }),
      ),
    },
    {
      description:
        "A Cassandra that somebody else runs. Then the operator makes none and looks after none: of the other fields only datacenter and " +
        "replicationFactor (of a keyspace that is not there yet) mean anything. Cannot be added or taken out later: messages do not move.",
    },
  ),
);

/** The Cassandra in which messages are stored before they are acknowledged. */
export const CassandraSpec = Type.Object(
  {
    nodes: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 1,
      description:
        "Cassandra nodes. Three, with a replication factor of three, survive the loss of one. More join one after the other; with fewer the " +
        "last ones hand their data to the others and leave, one after the other.",
    }),
    replicationFactor: Type.Integer({
      minimum: 1,
      maximum: 10,
      default: 1,
      description:
        "Copies kept of every row. At most the number of nodes. A change is made one copy at a time, with a repair after each.",
    }),
    repairDays: Type.Integer({
      minimum: 0,
      maximum: 365,
      default: 7,
      description:
        "Days in which each node's data is compared with its other copies and put right (a full repair of its primary ranges, one node at a " +
        "time). Stay below Cassandra's gc_grace_seconds of ten days, or deleted rows may come back. 0 leaves it to you.",
    }),
    external: External,
    datacenter: Type.String({
      pattern: "^[a-z][a-z0-9]*$",
      maxLength: 48,
      default: "dc1",
      description: "Name of the Cassandra data centre. Cannot be changed later.",
      "x-kubernetes-validations": [
        {
          rule: "self == oldSelf",
          message: "spec.cassandra.datacenter cannot be changed: it is part of how rows are placed",
          reason: "FieldValueForbidden",
        },
      ],
    }),
    storage: Storage({
      size: "10Gi",
      path: "spec.cassandra.storage",
      description: "The volume of each node, which holds the messages.",
    }),
    snapshots: Type.Optional(SnapshotsSpec),
    restore: Type.Optional(RestoreSpec),
    config: Type.Record(
      Type.String(),
      Type.Unsafe<string | number>({
        anyOf: [{ type: "integer" }, { type: "string" }],
        "x-kubernetes-int-or-string": true,
        maxLength: 256,
        description: "A plain value.",
      }),
      {
        default: {},
        maxProperties: 64,
        description:
          "Further settings of cassandra.yaml with plain values, such as `concurrent_reads: 64` or `read_request_timeout: 10s`. A change " +
          "restarts the nodes one after the other. Those by which the operator runs Cassandra are refused.",
        "x-kubernetes-validations": [
          {
            rule: `!self.exists(key, key in [${OWN_SETTINGS.map((key) => `'${key}'`).join(", ")}])`,
            message: `spec.cassandra.config must not have the settings that the operator makes: ${OWN_SETTINGS.join(", ")}`,
          },
        ],
      },
    ),
    jvmOptions: Type.Array(
      Type.String({ pattern: "^-[^\\s$*?\\[\"'\\\\]+$", maxLength: 256, description: "One option, such as -Xss1m." }),
      {
        default: [],
        maxItems: 64,
        description:
          "Further options of each node's JVM, after the operator's own. A change restarts the nodes one after the other.",
      },
    ),
    heap: Quantity({
      default: "512Mi",
      description: "Java heap of each node. Production nodes want 8Gi or more; under 256Mi is refused.",
    }),
    resources: Resources({
      default: { requests: { cpu: "100m" } },
      description: "CPU and memory of each node. Memory that is left out is worked out from the heap.",
    }),
    podTemplate: PodTemplate("each Cassandra node"),
  },
  {
    default: {},
    description: "The Cassandra in which messages are stored before they are acknowledged.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.external) || self.nodes >= self.replicationFactor",
        message: "spec.cassandra.replicationFactor must not be greater than spec.cassandra.nodes",
        fieldPath: ".replicationFactor",
      },
      {
        rule: "!has(self.external) || !has(self.podTemplate)",
        message: "spec.cassandra.podTemplate is of no use with spec.cassandra.external: its pods are somebody else's",
        fieldPath: ".podTemplate",
      },
      {
        rule: "has(self.external) == has(oldSelf.external)",
        message: "spec.cassandra.external cannot be added or taken out later: the messages would stay behind",
        reason: "FieldValueForbidden",
        fieldPath: ".external",
      },
      {
        rule: "!has(self.external) || !(has(self.snapshots) || has(self.restore))",
        message:
          "spec.cassandra.snapshots and restore are for a Cassandra of the operator's: with external they must be left out",
        fieldPath: ".snapshots",
      },
      {
        rule: "!has(self.restore) || has(self.snapshots)",
        message: "spec.cassandra.restore needs spec.cassandra.snapshots, whose volume has the snapshot",
        fieldPath: ".restore",
      },
      {
        rule: "!has(self.restore) || has(oldSelf.restore)",
        message: "spec.cassandra.restore cannot be added later: a snapshot is restored into a new ChatCluster",
        reason: "FieldValueForbidden",
        fieldPath: ".restore",
      },
      {
        rule: "quantity(self.heap).compareTo(quantity('256Mi')) >= 0",
        message: "spec.cassandra.heap must be 256Mi or more",
        fieldPath: ".heap",
      },
    ],
  },
);

export type CassandraSpec = Static<typeof CassandraSpec>;
