import { type Static, Type } from "typebox";
import { Quantity, Resources, Storage } from "./quantity.ts";

/** The Cassandra in which messages are stored before they are acknowledged. */
export const CassandraSpec = Type.Object(
  {
    nodes: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 1,
      description: "Cassandra nodes. Three, with a replication factor of three, survive the loss of one.",
      "x-kubernetes-validations": [
        {
          rule: "self >= oldSelf",
          message: "spec.cassandra.nodes cannot be lowered: a node that holds data must be decommissioned first",
          reason: "FieldValueForbidden",
        },
      ],
    }),
    replicationFactor: Type.Integer({
      minimum: 1,
      maximum: 10,
      default: 1,
      description: "Copies kept of every row. At most the number of nodes.",
    }),
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
    heap: Quantity({
      default: "512Mi",
      description: "Java heap of each node. Production nodes want 8Gi or more; under 256Mi is refused.",
    }),
    resources: Resources({
      default: { requests: { cpu: "100m" } },
      description: "CPU and memory of each node. Memory that is left out is worked out from the heap.",
    }),
  },
  {
    default: {},
    description: "The Cassandra in which messages are stored before they are acknowledged.",
    "x-kubernetes-validations": [
      {
        rule: "self.nodes >= self.replicationFactor",
        message: "spec.cassandra.replicationFactor must not be greater than spec.cassandra.nodes",
        fieldPath: ".replicationFactor",
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
