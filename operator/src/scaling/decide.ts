import { type Observation, remember, type ScalingState, stablePeak } from "./history.ts";
import type { ScalingPolicy, ServerReading } from "./policy.ts";
import { predictConnections } from "./ramp.ts";
import { requiredServers, serversAtTarget, withinBounds } from "./required-servers.ts";
import { servingOf } from "./serving.ts";

export interface ScalingInput {
  readonly policy: ScalingPolicy;
  /** Every chat pod of the ChatCluster, also those that could not be asked. */
  readonly servers: readonly ServerReading[];
  /** The Deployment's `spec.replicas` now, those that are draining among them. */
  readonly replicas: number;
  /** What the last decision gave back, or `EMPTY_STATE`. */
  readonly state: ScalingState;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Why the number is what it is; docs/scaling.md explains each. */
export type ScalingReason =
  | "FixedReplicas"
  | "BelowMinimum"
  | "AboveMaximum"
  | "ConnectionsAboveTarget"
  | "HeadroomNeeded"
  | "RampPredicted"
  | "MaximumReached"
  | "CountsMissing"
  | "ServersNotReady"
  | "DrainInProgress"
  | "Stabilizing"
  | "HeadroomKept"
  | "ConnectionsBelowTarget"
  | "AtTarget";

export interface ScalingDecision {
  /** Serving servers that there should be: those that are draining come on top, see `nextDrainStep`. */
  readonly replicas: number;
  readonly reason: ScalingReason;
  /** One sentence for a condition. It holds no time and no count of connections that would change it at every evaluation. */
  readonly message: string;
  /** For the next call. */
  readonly state: ScalingState;
}

/**
 * How many servers there should be, by the rules of docs/scaling.md: up at once, in proportion and ahead of a ramp; down one at a
 * time, after a stable time, never on missing counts and never below what the rest could take over. Pure: no clock, no input
 * or output.
 */
export function decide(input: ScalingInput): ScalingDecision {
  const situation = assess(input);
  const verdict = orderedBounds(situation) ?? more(situation) ?? fewer(situation);
  return { ...verdict, state: situation.state };
}

interface Situation {
  readonly policy: ScalingPolicy;
  readonly now: number;
  readonly state: ScalingState;
  readonly connections: number;
  readonly serving: number;
  readonly draining: readonly ServerReading[];
  readonly unreadable: readonly string[];
  readonly missing: number;
  readonly notReady: readonly string[];
}

type Verdict = Omit<ScalingDecision, "state">;

function assess({ policy, servers, replicas, state, now }: ScalingInput): Situation {
  const present = servers.filter(({ terminating }) => !terminating);
  const draining = present.filter((server) => server.draining);
  const unreadable = servers.filter(({ connections }) => connections === undefined).map(({ name }) => name);
  const missing = Math.max(0, replicas - present.length);
  const connections = servers.reduce((sum, server) => sum + (server.connections ?? 0), 0);
  const observation: Observation = { at: now, connections, complete: unreadable.length === 0 && missing === 0 };
  return {
    policy,
    now,
    state: remember(state, observation, policy.timing),
    connections,
    serving: servingOf({ replicas, present: present.length, draining: draining.length }),
    draining,
    unreadable,
    missing,
    notReady: present.filter((server) => !server.ready && !server.draining).map(({ name }) => name),
  };
}

/** What the spec orders outright needs no count and no waiting. */
function orderedBounds({ policy, serving }: Situation): Verdict | undefined {
  if (policy.replicas !== undefined) {
    const replicas = withinBounds(policy.replicas, policy);
    return { replicas, reason: "FixedReplicas", message: `spec.servers.replicas fixes ${servers(replicas)}` };
  }
  if (serving > policy.max) {
    return { replicas: policy.max, reason: "AboveMaximum", message: `spec.servers.max allows ${servers(policy.max)}` };
  }
  return undefined;
}

/** Counts that are missing only make `connections` smaller, so what is known may always ask for more. */
function more(situation: Situation): Verdict | undefined {
  const { policy, serving, connections, state, now } = situation;
  const neededNow = requiredServers(connections, policy);
  const neededSoon = requiredServers(predictConnections(state, connections, now, policy.timing), policy);
  const replicas = withinBounds(neededSoon, policy);
  if (neededNow > policy.max && serving === policy.max) {
    return {
      replicas: policy.max,
      reason: "MaximumReached",
      message: `the connections need more than spec.servers.max, ${servers(policy.max)}, at ${target(policy)}`,
    };
  }
  if (replicas <= serving) return undefined;
  if (neededSoon < policy.min) {
    return { replicas, reason: "BelowMinimum", message: `spec.servers.min asks for ${servers(policy.min)}` };
  }
  if (neededNow > serving && serversAtTarget(connections, policy) <= serving) {
    return {
      replicas,
      reason: "HeadroomNeeded",
      message: `${servers(replicas)} are needed so that the rest can take over if one dies`,
    };
  }
  if (neededNow > serving) {
    return {
      replicas,
      reason: "ConnectionsAboveTarget",
      message: `the connections need ${servers(replicas)} at ${target(policy)}`,
    };
  }
  return {
    replicas,
    reason: "RampPredicted",
    message: `connections rise so fast that ${servers(replicas)} will be needed within ${policy.timing.startup} s`,
  };
}

/** A scale-down frees this share of the target, so that the next connection does not bring the server back. */
const SPARE_SHARE = 0.1;

function fewer(situation: Situation): Verdict {
  const { policy, serving, connections, state, now } = situation;
  const hold = (reason: ScalingReason, message: string): Verdict => ({ replicas: serving, reason, message });
  const spacious = (count: number) => count / (1 - SPARE_SHARE);
  const enough = `${servers(serving)} hold the connections at ${target(policy)}`;
  if (serving <= policy.min || serversAtTarget(spacious(connections), policy) >= serving)
    return hold("AtTarget", enough);
  const blocked = obstacle(situation);
  if (blocked) return hold(blocked.reason, blocked.message);
  if (requiredServers(spacious(connections), policy) >= serving) {
    return hold("HeadroomKept", `${servers(serving)} are kept so that the rest can take over if one dies`);
  }
  const peak = stablePeak(state, now, policy.timing.stabilization);
  if (peak === undefined || requiredServers(spacious(peak), policy) >= serving) {
    return hold(
      "Stabilizing",
      `fewer than ${servers(serving)} would do; one goes when that has been so for ${policy.timing.stabilization} s`,
    );
  }
  return {
    replicas: serving - 1,
    reason: "ConnectionsBelowTarget",
    message: `${servers(serving - 1)} have held the connections for ${policy.timing.stabilization} s at ${target(policy)}`,
  };
}

/** What forbids any scale-down, whatever the counts say. */
function obstacle({
  unreadable,
  missing,
  draining,
  notReady,
}: Situation): Pick<Verdict, "reason" | "message"> | undefined {
  if (unreadable.length > 0) {
    return { reason: "CountsMissing", message: `no count of connections from ${unreadable.toSorted().join(", ")}` };
  }
  if (missing > 0) return { reason: "CountsMissing", message: `${servers(missing)} not created yet` };
  if (draining.length > 0) {
    return {
      reason: "DrainInProgress",
      message: `${draining.map(({ name }) => name).join(", ")} drains; one at a time`,
    };
  }
  if (notReady.length > 0)
    return { reason: "ServersNotReady", message: `not ready: ${notReady.toSorted().join(", ")}` };
  return undefined;
}

function servers(count: number): string {
  return count === 1 ? "1 server" : `${count} servers`;
}

function target(policy: ScalingPolicy): string {
  return `${policy.connectionsPerServer} a server`;
}
