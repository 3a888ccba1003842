import { createHash } from "node:crypto";
import type { RedisClient } from "../../redis/client.ts";
import type { Script } from "../../redis/scripts.ts";
import {
  type Claimed,
  type DeviceDelivery,
  decodeJob,
  type PushJob,
  type PushQueue,
  type PushQueueOptions,
  type QueueDepth,
} from "../push-queue.ts";
import { loadPushScript, type PushScript } from "./push-scripts.ts";

const GROUP = "push";
/** A consumer that has nothing and has asked for nothing for so long belongs to a server that is gone. */
const GONE_MS = 60 * 60 * 1_000;

/** All keys carry one hash tag, so that a script may touch them on a Redis Cluster. */
const STREAM = "push:{queue}:jobs";
const DELAYED = "push:{queue}:delayed";
const seenKey = ({ message, userId, deviceId }: DeviceDelivery) =>
  `push:{queue}:seen:${createHash("sha256")
    .update(JSON.stringify([message.id, userId, deviceId]))
    .digest("base64url")
    .slice(0, 22)}`;

/**
 * A stream with one consumer group for all servers, and a sorted set of what waits. Redis' own list of pending entries is the memory of
 * who holds what (XAUTOCLAIM: https://redis.io/docs/latest/commands/xautoclaim/).
 */
export class RedisPushQueue implements PushQueue {
  readonly #redis: RedisClient;
  readonly #consumer: string;
  readonly #options: PushQueueOptions & { goneMs?: number };
  readonly #scripts = new Map<PushScript, Script>();

  /** @param consumer unique to this process */
  constructor(redis: RedisClient, consumer: string, options: PushQueueOptions & { goneMs?: number }) {
    this.#redis = redis;
    this.#consumer = consumer;
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#run("push_tidy", [STREAM], [GROUP, this.#options.goneMs ?? GONE_MS]);
  }

  async close(): Promise<void> {
    // The connection is the server's, and what is pending belongs to the lease.
  }

  async enqueue(jobs: readonly PushJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const encoded = jobs.map((job) => JSON.stringify(job));
    this.#dropped(await this.#run("push_enqueue", [STREAM], [this.#options.limit, ...encoded]));
  }

  async claim(limit: number): Promise<Claimed[]> {
    const { leaseMs, limit: most } = this.#options;
    const args = [GROUP, this.#consumer, limit, leaseMs, most];
    const [dropped, ...found] = (await this.#run("push_claim", [STREAM, DELAYED], args)) as [number, ...string[]];
    this.#dropped(dropped);
    return Array.from({ length: found.length / 2 }, (_, index) => ({
      id: String(found[2 * index]),
      job: decodeJob(String(found[2 * index + 1])),
    }));
  }

  async expand(claimed: Claimed, deliveries: readonly DeviceDelivery[]): Promise<void> {
    const { limit, rememberMs } = this.#options;
    const encoded = deliveries.map((job) => JSON.stringify(job));
    const args = [GROUP, claimed.id, limit, rememberMs, ...encoded];
    this.#dropped(await this.#run("push_expand", [STREAM, ...deliveries.map(seenKey)], args));
  }

  async done(claimed: Claimed): Promise<void> {
    await this.#run("push_settle", [STREAM, DELAYED], [GROUP, claimed.id, "", "", 0]);
  }

  async retry(claimed: Claimed, job: PushJob, delayMs: number): Promise<void> {
    const args = [GROUP, claimed.id, Math.ceil(delayMs), JSON.stringify(job), this.#options.limit];
    this.#dropped(await this.#run("push_settle", [STREAM, DELAYED], args));
  }

  async depth(): Promise<QueueDepth> {
    const [ready, delayed] = await this.#redis.commands([
      ["xlen", STREAM],
      ["zcard", DELAYED],
    ]);
    return { ready: Number(ready), delayed: Number(delayed) };
  }

  #dropped(count: unknown): void {
    if (typeof count === "number" && count > 0) this.#options.onDropped(count);
  }

  #run(name: PushScript, keys: string[], args: (string | number)[]): Promise<unknown> {
    return this.#redis.evaluate(this.#script(name), keys, args);
  }

  #script(name: PushScript): Script {
    const known = this.#scripts.get(name) ?? loadPushScript(name);
    this.#scripts.set(name, known);
    return known;
  }
}
