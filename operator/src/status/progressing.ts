import type { DesiredCondition } from "../runtime/index.ts";
import type { Observation, WorkloadState } from "./observation.ts";
import { isSettled } from "./workload-state.ts";

/** `Progressing`: whether something is still on its way to what the spec asks for. */
export function progressing(observation: Observation): DesiredCondition {
  const type = "Progressing";
  if (observation.draining.length > 0)
    return { type, status: "True", reason: "Draining", message: `draining ${observation.draining.join(", ")}` };
  if (observation.ringWork) return { type, status: "True", ...observation.ringWork };
  if (observation.passwords.work) return { type, status: "True", ...observation.passwords.work };
  const moving = unsettled(observation);
  if (moving.length > 0)
    return { type, status: "True", reason: "RollingOut", message: `waiting for ${moving.join(", ")}` };
  if (observation.cassandra.exists && !observation.credentials.ready)
    return { type, status: "True", reason: "ApplyingCredentials", message: "waiting for Cassandra's roles" };
  const { nodes, replicationFactor } = observation.cluster.spec.cassandra;
  const { ring } = observation;
  if (ring && (ring.nodes !== nodes || ring.replicationFactor !== replicationFactor))
    return { type, status: "True", reason: "ChangingRing", message: "waiting for Cassandra's ring" };
  return { type, status: "False", reason: "Settled", message: "everything is as the spec asks" };
}

/** The components whose pods are not yet all there, new and ready. */
export function unsettled({ chat, redis, sentinel, cassandra, snapshots, ingress }: Observation): string[] {
  const components: Record<string, WorkloadState> = {
    servers: chat,
    ...(redis && { Redis: redis }),
    ...(sentinel && { sentinels: sentinel }),
    Cassandra: cassandra,
    ...(snapshots && { snapshots }),
    ingress,
  };
  return Object.entries(components)
    .filter(([, state]) => !isSettled(state))
    .map(([name]) => name);
}
