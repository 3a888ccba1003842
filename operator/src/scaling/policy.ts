/** What a ChatCluster's spec says about the number of chat servers. */
export interface ScalingPolicy {
  readonly min: number;
  readonly max: number;
  /** `spec.servers.replicas`: a fixed number, which wins over every count of connections. */
  readonly replicas?: number;
  /** Open connections a server that scaling aims at. */
  readonly connectionsPerServer: number;
  /** Open connections at which a server takes no more; what the others can take over from a dead one. */
  readonly maxConnections: number;
  readonly timing: ScalingTiming;
}

/** How long scaling looks back and ahead, in seconds. */
export interface ScalingTiming {
  /** How long fewer servers must have been enough before one is taken away. */
  readonly stabilization: number;
  /** The last part of the history from which a ramp is extrapolated. */
  readonly ramp: number;
  /** From asking for a server until it takes connections: how far ahead a ramp is extrapolated. */
  readonly startup: number;
}

export const DEFAULT_TIMING: ScalingTiming = { stabilization: 300, ramp: 60, startup: 30 };

/** What is known of one chat server: a pod that the Deployment owns. */
export interface ServerReading {
  readonly name: string;
  /** Open connections; `undefined` where they could not be read. */
  readonly connections: number | undefined;
  /** The pod's Ready condition. */
  readonly ready: boolean;
  /** On its way out: marked by the operator, or told by hand. */
  readonly draining: boolean;
  /** Being deleted: no longer one of the Deployment's replicas, but its clients come back to the others. */
  readonly terminating: boolean;
}
