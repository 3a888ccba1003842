import { type Static, Type } from "typebox";

/** A bound that the chat server has a default for: without the field nothing is passed, so that a new operator rolls no pod. */
function Bound(minimum: number, maximum: number, description: string) {
  return Type.Optional(Type.Integer({ minimum, maximum, description }));
}

/** Bounds that protect each chat server. */
export const LimitsSpec = Type.Object(
  {
    maxConnections: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 15000,
      description: "Connections at which a chat server takes no more.",
    }),
    maxConnectionsPerUser: Bound(1, 1000, "Connections that one user may have to one chat server. 20 when left out."),
    messagesPerSecond: Bound(
      1,
      10_000,
      "Frames that one user may send in a second on one chat server. 50 when left out.",
    ),
    maxTextLength: Bound(1, 16_384, "UTF-16 code units of a message's text. 16384 when left out."),
    maxDataBytes: Bound(1, 48_000, "Bytes of a message of data in a live conversation. 48000 when left out."),
    maxMembers: Bound(2, 1024, "Members of a conversation. 1024 when left out."),
    maxSubscriptions: Bound(1, 100, "Live conversations that one connection may be subscribed to. 100 when left out."),
    connectionsPerSecond: Bound(
      1,
      1_000_000,
      "New connections that a chat server takes in a second, so that a storm does not stall those connected. 2000 when left out.",
    ),
    maxBufferedBytes: Bound(
      65_536,
      1_073_741_824,
      "Bytes that wait for one connection at most; a slower client is closed, and resumes. 1048576 when left out.",
    ),
    logLength: Bound(
      1,
      100_000,
      "Events that Redis holds of each conversation; older ones come from Cassandra. 1000 when left out.",
    ),
    offlineLimit: Bound(
      1,
      100_000,
      "Messages that Redis holds for a user who is not connected; beyond it Cassandra answers. 1000 when left out.",
    ),
  },
  {
    default: {},
    description: "Bounds that protect each chat server.",
    "x-kubernetes-validations": [
      {
        rule: "!has(self.maxConnectionsPerUser) || self.maxConnectionsPerUser <= self.maxConnections",
        message: "spec.limits.maxConnectionsPerUser must not be greater than spec.limits.maxConnections",
      },
    ],
  },
);

export type LimitsSpec = Static<typeof LimitsSpec>;
