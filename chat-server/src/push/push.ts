import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Registry } from "prom-client";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { PushDevices, UnreadCounts } from "./devices.ts";
import type { PushConfig } from "./push-config.ts";
import { PushMetrics } from "./push-metrics.ts";
import { createProviders } from "./push-providers.ts";
import type { FanOut, PushMessage, PushQueue, PushQueueOptions } from "./push-queue.ts";
import { PushWorker } from "./push-worker.ts";

/** Longer than any send, with what comes before and after it; so long does the job of a dead server wait. */
const LEASE_MS = 60_000;
/** Longer than a sender's retries and the settling of a dead server's messages take. */
const REMEMBER_MS = 15 * 60 * 1_000;
const CLOSE_PATIENCE_MS = 3_000;
/** Users in one job, so that one entry of the queue stays small and is soon worked off. */
const USERS_PER_JOB = 128;
/** UTF-16 code units; no push service takes more bytes, whatever the text. */
const MAX_TEXT_LENGTH = 4_096;

const Body = Type.Object({
  id: Type.String(),
  conversationId: Type.String(),
  senderId: Type.String(),
  text: Type.String(),
});

export interface PushOptions {
  config: PushConfig;
  /** Makes the queue; not called if no push service is configured. */
  queue: (options: PushQueueOptions) => PushQueue;
  devices: PushDevices;
  unread: UnreadCounts;
  registry: Registry;
  logger: Logger;
}

/** Pushes to those who have no connection. Without a configured service it does nothing. */
export class Push {
  readonly #config: PushConfig;
  readonly #parts: { queue: PushQueue; worker: PushWorker; start: () => void; close: () => Promise<void> } | undefined;

  #closing: Promise<void> | undefined;

  private constructor(
    config: PushConfig,
    parts: { queue: PushQueue; worker: PushWorker; start: () => void; close: () => Promise<void> } | undefined,
  ) {
    this.#config = config;
    this.#parts = parts;
  }

  /** @throws CodedError `invalid_configuration` for credentials that can't be read or used */
  static async create({ config, queue: createQueue, devices, unread, registry, logger }: PushOptions): Promise<Push> {
    const providers = await createProviders(config, logger);
    if (providers.size === 0) return new Push(config, undefined);
    const queue = createQueue({
      limit: config.pushQueueLimit,
      leaseMs: LEASE_MS,
      rememberMs: REMEMBER_MS,
      onDropped: (count) => {
        metrics.dropped.inc(count);
        logger.error({ count }, "push jobs dropped: the queue is full");
      },
    });
    const metrics = new PushMetrics(registry, () =>
      queue.depth().catch((error: unknown) => {
        logger.warn({ err: messageOf(error) }, "depth of the push queue not known");
        return undefined;
      }),
    );
    const worker = new PushWorker({
      queue,
      providers,
      devices,
      unread,
      metrics,
      logger,
      concurrency: config.pushConcurrency,
      privateTitle: config.pushPrivateTitle,
    });
    const start = () => {
      queue.start().catch((error: unknown) => {
        // Only tidying: the queue itself needs no start, and may not be there yet.
        logger.warn({ err: messageOf(error) }, "push queue not tidied");
      });
      worker.start();
      logger.info({ providers: [...providers.keys()] }, "push is on");
    };
    const close = async () => {
      const closeProviders = () => Promise.all([...providers.values()].map((provider) => provider.close()));
      // What is still under way then ends as a retry, and so is settled.
      const patience = setTimeout(() => void closeProviders(), CLOSE_PATIENCE_MS);
      await worker.stop();
      clearTimeout(patience);
      await closeProviders();
      await queue.close();
    };
    return new Push(config, { queue, worker, start, close });
  }

  /** Begins to send; to be called once, when the queue's store is being connected to. */
  start(): void {
    this.#parts?.start();
  }

  /**
   * Queues a push to all devices of these users. Durable when it resolves; repeating it adds nothing within a quarter of an hour.
   *
   * @param body the message as JSON (`messageJson`)
   * @throws CodedError `unavailable`
   */
  async notify(userIds: readonly string[], body: string): Promise<void> {
    if (!this.#parts || userIds.length === 0) return;
    const message = this.#shown(body);
    const expiresAt = Date.now() + this.#config.pushTtlSeconds * 1_000;
    const jobs: FanOut[] = [];
    for (let start = 0; start < userIds.length; start += USERS_PER_JOB)
      jobs.push({
        kind: "fan_out",
        message,
        expiresAt,
        attempt: 0,
        userIds: userIds.slice(start, start + USERS_PER_JOB),
      });
    await this.#parts.queue.enqueue(jobs);
    this.#parts.worker.wake();
  }

  /** Settles what is under way. Closing again changes nothing. */
  async close(): Promise<void> {
    this.#closing ??= this.#parts?.close();
    await this.#closing;
  }

  #shown(body: string): PushMessage {
    const value: unknown = JSON.parse(body);
    if (!Value.Check(Body, value)) throw new CodedError("internal_error", "what is to be pushed is no message");
    const { id, conversationId, senderId, text } = value;
    // What must not leave the system does not even enter the queue.
    const shown = this.#config.pushIncludeText ? { text: text.slice(0, MAX_TEXT_LENGTH) } : {};
    return { id, conversationId, senderId, ...shown };
  }
}
