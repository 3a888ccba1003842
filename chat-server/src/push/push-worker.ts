import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { backOffMs } from "./back-off.ts";
import type { PushDevices, UnreadCounts } from "./devices.ts";
import { notificationId, type PushNotification } from "./notification.ts";
import type { PushMetrics } from "./push-metrics.ts";
import type { ProviderName, PushOutcome, PushProvider } from "./push-provider.ts";
import type { Claimed, DeviceDelivery, FanOut, PushQueue } from "./push-queue.ts";

/** Milliseconds between two looks at the queue when nothing is known to be in it: what other servers left, and what has become due. */
const IDLE_MS = 500;
/** Users whose devices are looked up at once. */
const LOOKED_UP_AT_ONCE = 16;

export interface PushWorkerOptions {
  queue: PushQueue;
  providers: ReadonlyMap<ProviderName, PushProvider>;
  devices: PushDevices;
  unread: UnreadCounts;
  metrics: PushMetrics;
  logger: Logger;
  /** Jobs worked on at once. */
  concurrency: number;
  /** Shown instead of the text where that stays in the system. */
  privateTitle: string;
}

/** Takes jobs from the queue and sends them, at most `concurrency` at once. */
export class PushWorker {
  readonly #options: PushWorkerOptions;
  readonly #underWay = new Set<Promise<void>>();
  #wake: (() => void) | undefined;
  #woken = false;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #queueAway = false;

  constructor(options: PushWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Something is in the queue. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Takes nothing more, and resolves when what is under way is settled. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    await Promise.all(this.#underWay);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      const free = this.#options.concurrency - this.#underWay.size;
      // Not one by one as they finish: a claim is a round trip.
      const enough = free >= this.#options.concurrency / 4;
      const claimed = enough ? await this.#claim(free) : [];
      for (const entry of claimed) this.#begin(entry);
      // A full batch hints at more; otherwise whoever adds or finishes something says so.
      if (!enough || claimed.length < free) await this.#idle();
    }
  }

  async #claim(limit: number): Promise<Claimed[]> {
    const { queue, logger } = this.#options;
    try {
      const claimed = await queue.claim(limit);
      if (this.#queueAway) logger.info("push queue read again");
      this.#queueAway = false;
      return claimed;
    } catch (error) {
      // Once, not at each of the many looks while it is away.
      if (!this.#queueAway) logger.warn({ err: error }, "push queue not read");
      this.#queueAway = true;
      return [];
    }
  }

  #begin(entry: Claimed): void {
    const work = this.#work(entry)
      .catch((error: unknown) => {
        // The lease gives it to whoever asks next.
        this.#options.logger.warn({ err: error }, "push job not settled");
      })
      .finally(() => {
        this.#underWay.delete(work);
        this.wake();
      });
    this.#underWay.add(work);
  }

  async #idle(): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS * (0.75 + Math.random() / 2));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #work(entry: Claimed): Promise<void> {
    const { queue, metrics, logger } = this.#options;
    const { job } = entry;
    if (job === undefined) {
      logger.error({ job: entry.id }, "unreadable push job given up");
      metrics.rejected.inc({ provider: "none", code: "unreadable_job" });
      return queue.done(entry);
    }
    if (job.expiresAt <= Date.now()) {
      metrics.expired.inc({ provider: job.kind === "delivery" ? job.provider : "none" });
      return queue.done(entry);
    }
    return job.kind === "fan_out" ? this.#fanOut(entry, job) : this.#deliver(entry, job);
  }

  async #fanOut(entry: Claimed, job: FanOut): Promise<void> {
    const { queue, metrics, logger } = this.#options;
    try {
      await queue.expand(entry, await this.#deliveriesOf(job));
      this.wake();
    } catch (error) {
      logger.warn({ err: error }, "devices to push to not found out");
      metrics.retried.inc({ provider: "none", reason: "devices_unavailable" });
      await queue.retry(entry, { ...job, attempt: job.attempt + 1 }, backOffMs(job.attempt));
    }
  }

  async #deliveriesOf({ message, userIds, expiresAt }: FanOut): Promise<DeviceDelivery[]> {
    const { devices, providers } = this.#options;
    const deliveries: DeviceDelivery[] = [];
    for (let start = 0; start < userIds.length; start += LOOKED_UP_AT_ONCE) {
      const some = userIds.slice(start, start + LOOKED_UP_AT_ONCE);
      const found = await Promise.all(some.map(async (userId) => ({ userId, list: await devices.withToken(userId) })));
      for (const { userId, list } of found)
        for (const device of list)
          if (providers.has(device.provider))
            deliveries.push({ kind: "delivery", message, expiresAt, attempt: 0, userId, ...device });
    }
    return deliveries;
  }

  async #deliver(entry: Claimed, job: DeviceDelivery): Promise<void> {
    const { queue, metrics, devices, logger } = this.#options;
    const { provider, userId, deviceId } = job;
    const outcome = await this.#send(job);
    switch (outcome.outcome) {
      case "delivered":
        metrics.sent.inc({ provider });
        return queue.done(entry);
      case "rejected":
        metrics.rejected.inc({ provider, code: outcome.code });
        logger.warn({ provider, userId, deviceId, code: outcome.code }, "push rejected");
        return queue.done(entry);
      case "dead":
        // First the token, then the job: a crash in between asks the service again and removes it then.
        await devices.removeToken(userId, deviceId, outcome.since ?? job.registeredAt);
        metrics.dead.inc({ provider, reason: outcome.reason });
        logger.info({ provider, userId, deviceId, reason: outcome.reason }, "dead push token removed");
        return queue.done(entry);
      case "retry":
        return this.#retry(entry, job, outcome);
    }
  }

  async #retry(entry: Claimed, job: DeviceDelivery, outcome: PushOutcome & { outcome: "retry" }): Promise<void> {
    const { queue, metrics, logger } = this.#options;
    const { provider } = job;
    const delayMs = backOffMs(job.attempt, outcome.afterMs);
    if (Date.now() + delayMs >= job.expiresAt) {
      metrics.expired.inc({ provider });
      return queue.done(entry);
    }
    metrics.retried.inc({ provider, reason: outcome.reason });
    const level = outcome.fault === "configuration" ? "error" : "debug";
    logger[level]({ provider, reason: outcome.reason, attempt: job.attempt, delayMs }, "push to be tried again");
    return queue.retry(entry, { ...job, attempt: job.attempt + 1 }, delayMs);
  }

  async #send(job: DeviceDelivery): Promise<PushOutcome> {
    const provider = this.#options.providers.get(job.provider);
    // Queued by a server that is configured otherwise, as in the middle of a roll-out: another one may take it.
    if (!provider) return { outcome: "retry", reason: "not_configured" };
    try {
      return await provider.send(await this.#notification(job));
    } catch (error) {
      this.#options.logger.error({ err: error, provider: job.provider }, "push provider broke its contract");
      return { outcome: "retry", reason: "internal_error" };
    }
  }

  async #notification({ message, userId, deviceId, token, expiresAt }: DeviceDelivery): Promise<PushNotification> {
    const shown =
      message.text === undefined
        ? { title: this.#options.privateTitle, body: "" }
        : { title: message.senderId, body: message.text, senderId: message.senderId };
    return {
      id: notificationId(message.id, userId, deviceId),
      token,
      ...shown,
      badge: await this.#badge(userId),
      conversationId: message.conversationId,
      messageId: message.id,
      expiresAt,
    };
  }

  async #badge(userId: string): Promise<number | undefined> {
    try {
      return await this.#options.unread.of(userId);
    } catch (error) {
      this.#options.logger.warn(
        { err: messageOf(error), userId },
        "push goes without a badge: unread messages not counted",
      );
      return undefined;
    }
  }
}
