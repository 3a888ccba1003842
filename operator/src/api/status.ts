import { type Static, Type } from "typebox";

/** One condition, as `metav1.Condition` has it. */
export const ConditionSchema = Type.Object(
  {
    type: Type.String({ maxLength: 316, description: "What the condition is about, such as Ready." }),
    status: Type.Union([Type.Literal("True"), Type.Literal("False"), Type.Literal("Unknown")], {
      description: "Whether it holds.",
    }),
    observedGeneration: Type.Optional(
      Type.Integer({
        format: "int64",
        minimum: 0,
        description: "The metadata.generation that the condition speaks of.",
      }),
    ),
    lastTransitionTime: Type.String({ format: "date-time", description: "When the status last changed." }),
    reason: Type.String({ minLength: 1, maxLength: 1024, description: "One CamelCase word for programs." }),
    message: Type.String({ maxLength: 32768, description: "A sentence for people." }),
  },
  { description: "One aspect of the state; docs/status-conditions.md lists them all." },
);

/** The ring as it is, while it is brought to what the spec asks. */
const CassandraStatus = Type.Object(
  {
    nodes: Type.Integer({ format: "int32", description: "Nodes that have joined the ring and not left it." }),
    replicationFactor: Type.Optional(
      Type.Integer({
        format: "int32",
        description: "Copies of every row that there are: a changed number counts once the repair after it is over.",
      }),
    ),
    repairedAt: Type.Optional(
      Type.Array(Type.String({ format: "date-time", description: "A time." }), {
        description:
          "When each node's ranges were last compared on all copies and put right, by the number of its pod.",
      }),
    ),
    cleanup: Type.Optional(
      Type.Array(Type.Integer({ format: "int32", description: "The number of a pod." }), {
        description:
          "Nodes that still have on disk what they do not own any more, by the number of their pods, since others have joined or there are fewer " +
          "copies: each is cleaned up in its turn.",
      }),
    ),
    snapshots: Type.Optional(
      Type.Object(
        {
          names: Type.Array(Type.String({ maxLength: 253, description: "The name of a snapshot." }), {
            description: "Complete snapshots on the volume, the newest last, of whichever ChatCluster.",
          }),
          last: Type.Optional(
            Type.Object(
              {
                name: Type.String({
                  maxLength: 253,
                  description: "What `spec.cassandra.restore.snapshot` names it by.",
                }),
                takenAt: Type.String({ format: "date-time", description: "It has what was acknowledged by then." }),
                bytes: Type.Integer({ format: "int64", description: "Its size, over all nodes." }),
              },
              { description: "The last snapshot of this ChatCluster." },
            ),
          ),
          running: Type.Optional(Type.String({ maxLength: 253, description: "The snapshot that is being made." })),
          request: Type.Optional(
            Type.String({
              maxLength: 253,
              description: "The value of the annotation `chatcluster.dev/snapshot` for which one was made last.",
            }),
          ),
        },
        { description: "Snapshots of the messages." },
      ),
    ),
    restored: Type.Optional(
      Type.Object(
        {
          snapshot: Type.String({ maxLength: 253, description: "The snapshot." }),
          at: Type.String({ format: "date-time", description: "When it was." }),
        },
        { description: "The snapshot that the ring was made from." },
      ),
    ),
    hostIds: Type.Optional(
      Type.Array(Type.String({ maxLength: 64, description: "A host id." }), {
        description:
          "Cassandra's host id of each node, by the number of its pod. By it a node that has lost its volume takes the place of the one it was.",
      }),
    ),
  },
  { description: "The ring of Cassandra as it is, while it is brought to what the spec asks." },
);
export type CassandraStatus = Static<typeof CassandraStatus>;

/** The last rotation of the passwords that was carried out. */
const PasswordsStatus = Type.Object(
  {
    rotatedFor: Type.Optional(
      Type.String({
        maxLength: 253,
        description:
          "Value of annotation `chatcluster.dev/rotate-passwords` for which the last one that was asked for was done.",
      }),
    ),
    rotatedAt: Type.Optional(
      Type.String({ format: "date-time", description: "When the passwords before these were given up." }),
    ),
  },
  { description: "The last rotation of the generated passwords that is over." },
);
export type PasswordsStatus = Static<typeof PasswordsStatus>;

/** What the operator saw last. */
export const ChatClusterStatus = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({
        format: "int64",
        description:
          "The metadata.generation that the operator acted on last; older than it means work is still to be done.",
      }),
    ),
    servers: Type.Optional(Type.Integer({ format: "int32", description: "Chat servers that exist, ready or not." })),
    readyServers: Type.Optional(
      Type.Integer({ format: "int32", description: "Chat servers that take new connections." }),
    ),
    desiredServers: Type.Optional(
      Type.Integer({
        format: "int32",
        description: "Chat servers that there should be now; the ScalingActive condition tells why.",
      }),
    ),
    connections: Type.Optional(
      Type.Integer({ format: "int64", description: "Open connections, over all chat servers that could be asked." }),
    ),
    redisMaster: Type.Optional(
      Type.String({
        maxLength: 253,
        description: "Pod of Redis' master, in mode `sentinel`; while there is none, of the last one.",
      }),
    ),
    selector: Type.Optional(
      Type.String({ description: "Label selector of the chat servers' pods, for the scale subresource." }),
    ),
    cassandra: Type.Optional(CassandraStatus),
    passwords: Type.Optional(PasswordsStatus),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description: "The state by aspect: Ready, Progressing, Degraded, Paused and one for each component.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
      }),
    ),
  },
  { description: "What the operator saw last. Written by the operator only." },
);

export type ChatClusterStatus = Static<typeof ChatClusterStatus>;
export type StatusCondition = Static<typeof ConditionSchema>;
