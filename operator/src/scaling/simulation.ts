import { decide, type ScalingReason } from "./decide.ts";
import { nextDrainStep, type ServerPod } from "./drain.ts";
import { EMPTY_STATE, type ScalingState } from "./history.ts";
import type { ScalingPolicy } from "./policy.ts";

/** What happens to the simulated cluster at a time, in seconds. */
export type Incident =
  /** A pod dies: its clients come back to the others over a minute, its replacement starts. */
  | { readonly at: number; readonly type: "pod-dies" }
  /** No count of one server (or, `all`, of any) can be read for `seconds`. */
  | { readonly at: number; readonly type: "counts-lost"; readonly seconds: number; readonly all: boolean }
  /** The operator starts anew without its memory. */
  | { readonly at: number; readonly type: "operator-restarts" };

export interface Scenario {
  readonly policy: ScalingPolicy;
  readonly seconds: number;
  /** Clients that want to be connected at a time. */
  readonly clientsAt: (second: number) => number;
  readonly incidents: readonly Incident[];
  readonly drainSeconds: number;
  /** From the making of a pod until it is ready. */
  readonly startSeconds: number;
  /** Between two evaluations. */
  readonly periodSeconds: number;
}

/** One evaluation, as the invariants and the plot need it. */
export interface Frame {
  readonly at: number;
  readonly clients: number;
  /** Clients that a server holds; the others found no room. */
  readonly connected: number;
  readonly serving: number;
  readonly ready: number;
  readonly draining: number;
  readonly wanted: number;
  readonly reason: ScalingReason;
  /** Whether every count could be read. */
  readonly complete: boolean;
  /** Pods that were lowered away at this evaluation, with the connections that they still had. */
  readonly removed: readonly number[];
}

interface Pod {
  name: string;
  createdAt: number;
  readyAt: number;
  connections: number;
  drainStartedAt?: number;
  /** When it was told to drain, and over how long. */
  drain?: { at: number; seconds: number };
}

/** A share of those who are not connected that finds a server in a second: clients back off with jitter. */
const RECONNECT_SHARE = 0.05;

/**
 * Runs `decide` and `nextDrainStep`, the very code of the operator, against a Deployment whose pods start, take connections evenly, drain
 * and die, second by second and without a clock.
 */
export function simulate(scenario: Scenario): Frame[] {
  const cluster = new Cluster(scenario);
  const frames: Frame[] = [];
  for (let second = 0; second <= scenario.seconds; second += 1) {
    cluster.advance(second);
    if (second % scenario.periodSeconds === 0) frames.push(cluster.evaluate(second));
  }
  return frames;
}

class Cluster {
  readonly #scenario: Scenario;
  #pods: Pod[] = [];
  #replicas: number;
  #made = 0;
  #state: ScalingState = EMPTY_STATE;
  #removed: number[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#replicas = scenario.policy.min;
    for (let count = 0; count < this.#replicas; count += 1) this.#make(-scenario.startSeconds);
  }

  advance(second: number): void {
    for (const incident of this.#scenario.incidents) {
      if (incident.at !== second) continue;
      if (incident.type === "pod-dies") this.#pods.splice(second % Math.max(1, this.#pods.length), 1);
      if (incident.type === "operator-restarts") this.#state = EMPTY_STATE;
    }
    this.#replicaSet(second);
    this.#clients(second);
    this.#drain(second);
  }

  evaluate(second: number): Frame {
    const { policy } = this.#scenario;
    const now = second * 1000;
    const pods = this.#pods.map((pod) => this.#asSeen(pod, second));
    const servers = pods.map((pod) => ({
      name: pod.name,
      connections: pod.status?.connections,
      ready: pod.ready,
      draining: pod.drainStartedAt !== undefined,
      terminating: false,
    }));
    const decision = decide({ policy, servers, replicas: this.#replicas, state: this.#state, now });
    this.#state = decision.state;
    this.#removed = [];
    // As many steps as the controller would take until it has to wait.
    for (let steps = 0; steps < 4; steps += 1) if (!this.#step(decision.replicas, second)) break;
    return this.#frame(second, decision.replicas, decision.reason, servers);
  }

  #frame(
    at: number,
    wanted: number,
    reason: ScalingReason,
    servers: readonly { connections: number | undefined }[],
  ): Frame {
    const draining = this.#pods.filter(({ drainStartedAt }) => drainStartedAt !== undefined).length;
    return {
      at,
      clients: this.#scenario.clientsAt(at),
      connected: this.#connected(),
      serving: this.#replicas - draining,
      ready: this.#accepting(at).length,
      draining,
      wanted,
      reason,
      complete: servers.length >= this.#replicas && servers.every(({ connections }) => connections !== undefined),
      removed: this.#removed,
    };
  }

  /** @returns whether there may be something more to do. */
  #step(desired: number, second: number): boolean {
    const { drainSeconds } = this.#scenario;
    const pods = this.#pods.map((pod) => this.#asSeen(pod, second));
    const step = nextDrainStep({ pods, desired, replicas: this.#replicas, drainSeconds, now: second * 1000 });
    if (step.type === "none" || step.type === "wait") return false;
    if (step.type === "scale") {
      this.#replicas = step.replicas;
      this.#replicaSet(second);
      return true;
    }
    const pod = this.#pods.find(({ name }) => name === step.pod);
    if (!pod) return false;
    if (step.type === "mark") pod.drainStartedAt = second * 1000;
    else if (step.type === "delete") this.#remove(pod);
    else if (this.#isReadable(pod, second)) pod.drain ??= { at: second, seconds: step.seconds };
    else return false;
    return true;
  }

  /** Makes and deletes pods as a ReplicaSet does: what has not started goes first, then the lowest deletion cost. */
  #replicaSet(second: number): void {
    while (this.#pods.length < this.#replicas) this.#make(second);
    while (this.#pods.length > this.#replicas) {
      const rank = (pod: Pod) => (pod.readyAt > second ? 0 : pod.drainStartedAt !== undefined ? 1 : 2);
      const victim = this.#pods.toSorted((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt)[0];
      if (victim) this.#remove(victim);
    }
  }

  #make(second: number): void {
    this.#made += 1;
    const readyAt = second + this.#scenario.startSeconds;
    this.#pods.push({ name: `chat-${this.#made}`, createdAt: second, readyAt, connections: 0 });
  }

  #remove(pod: Pod): void {
    this.#removed.push(pod.connections);
    this.#pods = this.#pods.filter((other) => other !== pod);
  }

  /** Clients come to servers that accept, up to their limit, and leave all servers alike. */
  #clients(second: number): void {
    const wanted = this.#scenario.clientsAt(second);
    const connected = this.#connected();
    if (connected > wanted) {
      for (const pod of this.#pods) pod.connections = (pod.connections * wanted) / connected;
      return;
    }
    const before = this.#scenario.clientsAt(second - 1);
    const fresh = Math.max(0, wanted - before);
    const coming = Math.min(wanted - connected, fresh + (wanted - connected) * RECONNECT_SHARE);
    const accepting = this.#accepting(second);
    for (const pod of accepting) {
      pod.connections = Math.min(this.#scenario.policy.maxConnections, pod.connections + coming / accepting.length);
    }
  }

  #drain(second: number): void {
    for (const pod of this.#pods) {
      if (!pod.drain) continue;
      const left = pod.drain.at + pod.drain.seconds - second;
      pod.connections = left <= 0 ? 0 : pod.connections * (left / (left + 1));
    }
  }

  #connected(): number {
    return this.#pods.reduce((sum, { connections }) => sum + connections, 0);
  }

  #accepting(second: number): Pod[] {
    return this.#pods.filter(({ readyAt, drain }) => readyAt <= second && drain === undefined);
  }

  #isReadable(pod: Pod, second: number): boolean {
    if (pod.readyAt > second) return false;
    const lost = this.#scenario.incidents.find(
      (incident) => incident.type === "counts-lost" && second >= incident.at && second < incident.at + incident.seconds,
    );
    return lost?.type !== "counts-lost" || !(lost.all || pod === this.#pods[0]);
  }

  #asSeen(pod: Pod, second: number): ServerPod {
    const running = pod.readyAt <= second;
    const draining = pod.drain !== undefined;
    const connections = Math.round(pod.connections);
    return {
      name: pod.name,
      running,
      ready: running && !draining,
      terminating: false,
      createdAt: pod.createdAt * 1000,
      ...(pod.drainStartedAt === undefined ? {} : { drainStartedAt: pod.drainStartedAt }),
      ...(this.#isReadable(pod, second)
        ? { status: { connections, draining, drained: draining && connections === 0 } }
        : {}),
    };
  }
}
