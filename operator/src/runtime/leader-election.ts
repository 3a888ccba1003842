import { randomUUID } from "node:crypto";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { isConflict, isNotFound } from "./api-error.ts";
import type { Client } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { microTimestamp } from "./conditions.ts";
import type { KubernetesObject, NamespacedName } from "./object.ts";
import { Lease } from "./scheme.ts";

export interface LeaderElectionOptions {
  /** A client without the manager's `beforeWrite`. */
  readonly client: Client;
  /** The Lease that all candidates share. */
  readonly lease: NamespacedName;
  /** The candidate's name, for people; made unique here. The pod's name. */
  readonly candidate: string;
  readonly logger: Logger;
  /** How long others wait after a renewal they have seen before they take over. 15 s. */
  readonly leaseDurationMs?: number;
  /** How long the leader goes on without a renewal before it gives up. 10 s. */
  readonly renewDeadlineMs?: number;
  /** The pause between attempts. 2 s. */
  readonly retryPeriodMs?: number;
  readonly clock?: Clock;
}

interface LeaseSpec {
  holderIdentity?: string | null;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/**
 * Leader election on a Lease, as client-go's: compare-and-swap by resourceVersion; another's lease counts as expired only when this
 * process's own clock has seen no renewal for its duration, so that clocks need not agree.
 *
 * The leader counts its time from before a renewal was sent, others from after they saw it: with `renewDeadline < leaseDuration` there is
 * no moment at which two hold it. https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
 */
export class LeaderElection {
  readonly identity: string;
  readonly #client: Client;
  readonly #lease: NamespacedName;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  #observed: { resourceVersion: string | undefined; atMs: number; object: KubernetesObject } | undefined;
  #renewedMs: number | undefined;

  constructor(options: LeaderElectionOptions) {
    this.identity = `${options.candidate}_${randomUUID()}`;
    this.#client = options.client;
    this.#lease = options.lease;
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (this.#leaseDurationMs <= this.#renewDeadlineMs || this.#renewDeadlineMs <= this.#retryPeriodMs)
      throw new CodedError("invalid_leader_election", "leaseDuration > renewDeadline > retryPeriod must hold");
  }

  /** Whether the lease is ours beyond doubt, now: true until the renew deadline after the last renewal was sent. */
  get isLeader(): boolean {
    return this.#renewedMs !== undefined && this.#clock.monotonicMs() - this.#renewedMs < this.#renewDeadlineMs;
  }

  /** @throws CodedError `not_leader`; asked before every write, so that a process that was stopped and goes on writes nothing. */
  assertLeader(): void {
    if (!this.isLeader)
      throw new CodedError("not_leader", `${this.identity} does not hold the lease ${this.#lease.name}`);
  }

  /** Resolves to true once the lease is ours, to false if the signal aborts first. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#attempt()) {
        this.#logger.info({ lease: this.#lease.name, identity: this.identity }, "became the leader");
        return true;
      }
      await this.#clock.sleep(this.#retryPeriodMs * (1 + 0.2 * Math.random()), signal);
    }
    return false;
  }

  /** Renews until the signal aborts (resolves) or the lease is lost. @throws CodedError `leadership_lost` */
  async hold(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(this.#retryPeriodMs, signal);
      if (signal.aborted) return;
      // After a long stop of the process the lease may be another's: renewing it then would only keep everybody waiting.
      const held = this.isLeader && (await this.#attempt(signal));
      if (signal.aborted) return;
      if (!this.isLeader || (!held && this.#heldByOther())) {
        this.#renewedMs = undefined;
        throw new CodedError(
          "leadership_lost",
          `${this.identity} lost the lease ${this.#lease.namespace}/${this.#lease.name}`,
        );
      }
    }
  }

  /** Gives the lease up at once, so that a standby need not wait; call when all work has ended. */
  async release(): Promise<void> {
    if (!this.isLeader || !this.#observed) return;
    this.#renewedMs = undefined;
    const spec = {
      ...specOf(this.#observed.object),
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: this.#now(),
    };
    try {
      await this.#client.update({ ...this.#observed.object, spec });
      this.#logger.info({ lease: this.#lease.name }, "released the lease");
    } catch (error) {
      this.#logger.warn({ lease: this.#lease.name }, `lease not released, it will expire: ${messageOf(error)}`);
    }
  }

  /** One round: take, renew or observe. False on any failure; the callers' deadlines decide what that means. */
  async #attempt(signal?: AbortSignal): Promise<boolean> {
    const sentMs = this.#clock.monotonicMs();
    // A hung request must not outlive the deadline: the race ends it for us, the client's own time-out for the socket.
    const deadlineMs = Math.max(1, (this.#renewedMs ?? sentMs) + this.#renewDeadlineMs - sentMs);
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const cancel = this.#clock.after(deadlineMs, () => resolve("late"));
    try {
      const outcome = await Promise.race([this.#tryAcquireOrRenew(), late]);
      if (outcome !== true) return false;
      this.#renewedMs = sentMs;
      return this.isLeader;
    } catch (error) {
      if (!signal?.aborted && !isConflict(error))
        this.#logger.warn({ lease: this.#lease.name }, `lease not renewed: ${messageOf(error)}`);
      return false;
    } finally {
      cancel();
    }
  }

  async #tryAcquireOrRenew(): Promise<boolean> {
    const object = await this.#client.get(Lease, this.#lease).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!object) {
      this.#observe(await this.#client.create(this.#firstLease()));
      return true;
    }
    this.#observe(object);
    const spec = specOf(object);
    const isOurs = spec.holderIdentity === this.identity;
    if (!isOurs && this.#heldByOther()) return false;
    const renewed: LeaseSpec = {
      ...spec,
      ...this.#term(),
      acquireTime: isOurs && spec.acquireTime ? spec.acquireTime : this.#now(),
      leaseTransitions: (spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
    this.#observe(await this.#client.update({ ...object, spec: renewed }));
    return true;
  }

  #observe(object: KubernetesObject): void {
    const { resourceVersion } = object.metadata;
    if (this.#observed && this.#observed.resourceVersion === resourceVersion) return;
    this.#observed = { resourceVersion, atMs: this.#clock.monotonicMs(), object };
  }

  #heldByOther(): boolean {
    if (!this.#observed) return false;
    const { holderIdentity, leaseDurationSeconds } = specOf(this.#observed.object);
    if (!holderIdentity || holderIdentity === this.identity) return false;
    const durationMs = Math.max(this.#leaseDurationMs, (leaseDurationSeconds ?? 0) * 1000);
    return this.#clock.monotonicMs() - this.#observed.atMs < durationMs;
  }

  #firstLease(): KubernetesObject {
    const { namespace, name } = this.#lease;
    const spec: LeaseSpec = { ...this.#term(), acquireTime: this.#now(), leaseTransitions: 0 };
    return { apiVersion: Lease.apiVersion, kind: Lease.kind, metadata: { namespace, name }, spec };
  }

  #term(): LeaseSpec {
    const leaseDurationSeconds = Math.ceil(this.#leaseDurationMs / 1000);
    return { holderIdentity: this.identity, leaseDurationSeconds, renewTime: this.#now() };
  }

  #now(): string {
    return microTimestamp(this.#clock.now());
  }
}

function specOf(lease: KubernetesObject): LeaseSpec {
  return (lease.spec ?? {}) as LeaseSpec;
}
