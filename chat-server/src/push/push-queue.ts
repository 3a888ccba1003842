import { type Static, Type } from "typebox";
import { Value } from "typebox/value";

/** What a push tells; the text and title only where they may leave the system. */
const PushMessage = Type.Object({
  id: Type.String(),
  conversationId: Type.String(),
  senderId: Type.String(),
  text: Type.Optional(Type.String()),
});
export type PushMessage = Static<typeof PushMessage>;

const shared = {
  message: PushMessage,
  /** Milliseconds since 1970. */
  expiresAt: Type.Integer(),
  /** Failed tries so far. */
  attempt: Type.Integer({ minimum: 0 }),
};

/** Users whose devices are still to be looked up. */
const FanOut = Type.Object({ kind: Type.Literal("fan_out"), ...shared, userIds: Type.Array(Type.String()) });
export type FanOut = Static<typeof FanOut>;

/** One notification to one device. */
const DeviceDelivery = Type.Object({
  kind: Type.Literal("delivery"),
  ...shared,
  userId: Type.String(),
  deviceId: Type.String(),
  provider: Type.Union([Type.Literal("apns"), Type.Literal("fcm"), Type.Literal("webpush")]),
  token: Type.String(),
  /** When the device registered the token, as read with it: ms since 1970. */
  registeredAt: Type.Integer(),
});
export type DeviceDelivery = Static<typeof DeviceDelivery>;

export type PushJob = FanOut | DeviceDelivery;
const PushJob = Type.Union([FanOut, DeviceDelivery]);

/** A job that is this process's until its lease ends. `job` is undefined if it can't be read, for which there is nothing to do but {@link PushQueue.done}. */
export interface Claimed {
  readonly id: string;
  readonly job: PushJob | undefined;
}

export interface QueueDepth {
  /** To be sent now, or being sent. */
  ready: number;
  /** To be tried again later. */
  delayed: number;
}

/**
 * Jobs that survive a crash of whoever works on them. Every method rejects with CodedError `unavailable` while its store is away; a call that
 * was rejected may have taken effect, and may be repeated.
 *
 * A job that is claimed and settled by none of `expand`, `done` and `retry` within the lease is given to the next who asks. What is settled is
 * settled by the first call; later ones change nothing. Hence each job is worked on at least once, and twice only if a process died or
 * stalled between the work and the settling.
 *
 * Bounded: past the limit the oldest go, because what is newest replaces them on the devices anyway; `onDropped` counts them.
 */
export interface PushQueue {
  start(): Promise<void>;
  /** Leaves what is claimed to the lease. */
  close(): Promise<void>;
  /** Durable when it resolves. */
  enqueue(jobs: readonly PushJob[]): Promise<void>;
  /** At most `limit`, those first whose lease has ended. Doesn't wait. */
  claim(limit: number): Promise<Claimed[]>;
  /** Settles a fan-out by its deliveries, of which those are left out that were queued lately for the same message and device. */
  expand(claimed: Claimed, deliveries: readonly DeviceDelivery[]): Promise<void>;
  done(claimed: Claimed): Promise<void>;
  /** Settles a job by one that begins after `delayMs`. */
  retry(claimed: Claimed, job: PushJob, delayMs: number): Promise<void>;
  depth(): Promise<QueueDepth>;
}

export interface PushQueueOptions {
  /** Jobs kept, ready and delayed each. */
  limit: number;
  /** Milliseconds that a claimed job stays with its holder. */
  leaseMs: number;
  /** Milliseconds for which a message and device are remembered. */
  rememberMs: number;
  onDropped: (count: number) => void;
}

/** A job as it is stored; undefined if it is none. */
export function decodeJob(text: string): PushJob | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(PushJob, value) ? value : undefined;
  } catch {
    // Not JSON: an unreadable job, which the caller counts and settles.
    return undefined;
  }
}
