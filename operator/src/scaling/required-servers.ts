import type { ScalingPolicy } from "./policy.ts";

/**
 * Servers that `connections` need, before the spec's bounds: as many as keep each at its target and, from two on, as many as could
 * hold all connections after one of them died. A single server has no other that could take over: whoever allows `min: 1` has
 * chosen that.
 */
export function requiredServers(connections: number, policy: ScalingPolicy): number {
  const atTarget = serversAtTarget(connections, policy);
  if (atTarget < 2) return atTarget;
  return Math.max(atTarget, Math.ceil(connections / policy.maxConnections) + 1);
}

/** Servers that keep each at its target, one at least. */
export function serversAtTarget(connections: number, policy: ScalingPolicy): number {
  return Math.max(1, Math.ceil(connections / policy.connectionsPerServer));
}

/** `servers` within the spec's bounds. */
export function withinBounds(servers: number, policy: ScalingPolicy): number {
  return Math.min(policy.max, Math.max(policy.min, servers));
}
