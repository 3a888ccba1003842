import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `CassandraReady`: every quorum of copies can be reached, and the roles are in order. */
export function cassandraReady({ cluster, cassandra, credentials, ring, ringWork }: Observation): DesiredCondition {
  if (cluster.spec.cassandra.external)
    return {
      type: "CassandraReady",
      status: "True",
      reason: "External",
      message: "somebody else runs it; the chat servers are ready when it answers them",
    };
  // A node that has not joined yet is not missed, and one that leaves serves until it has left, though it is not "normal" any more.
  const leaving = ringWork?.reason === "DecommissioningNode" ? 1 : 0;
  const nodes = (ring?.nodes || cluster.spec.cassandra.nodes) - leaving;
  const spare = Math.floor(((ring?.replicationFactor ?? cluster.spec.cassandra.replicationFactor) - 1) / 2);
  const type = "CassandraReady";
  const condition = componentCondition(cassandra, { type, plural: "nodes", needed: Math.max(1, nodes - spare) });
  if (condition.status !== "True" || credentials.ready) return condition;
  const { reason, message } = credentials.problem ?? {
    reason: "CredentialsPending",
    message: "waiting for all nodes before the roles are made",
  };
  return { type, status: "False", reason, message };
}
