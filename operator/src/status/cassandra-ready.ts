import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `CassandraReady`: every quorum of copies can be reached, and the roles are in order. */
export function cassandraReady({ cluster, cassandra, credentials }: Observation): DesiredCondition {
  const { nodes, replicationFactor } = cluster.spec.cassandra;
  const spare = Math.floor((replicationFactor - 1) / 2);
  const type = "CassandraReady";
  const condition = componentCondition(cassandra, { type, plural: "nodes", needed: nodes - spare });
  if (condition.status !== "True" || credentials.ready) return condition;
  const { reason, message } = credentials.problem ?? {
    reason: "CredentialsPending",
    message: "waiting for all nodes before the roles are made",
  };
  return { type, status: "False", reason, message };
}
