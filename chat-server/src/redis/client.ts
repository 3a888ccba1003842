import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { type ChainableCommander, Redis, type RedisOptions } from "ioredis";
import { loadScripts, type ScriptName } from "./scripts.ts";

/** Milliseconds until a command without an answer counts as failed. */
const COMMAND_TIMEOUT_MS = 3_000;
const LIVENESS_INTERVAL_MS = 5_000;

export interface RedisClientOptions {
  /** `redis://host:port` or `rediss://`. */
  url: string;
  password?: string | undefined;
  logger: Logger;
  /** Called for every round trip: a command, a script or a whole pipeline. */
  onRoundTrip?: (() => void) | undefined;
}

type ScriptCall = (keyCount: number, ...args: (string | number)[]) => Promise<unknown>;

/**
 * Two connections to one Redis: commands on one, subscriptions on the other. Commands fail at once while it is away (CodedError
 * `unavailable`) instead of waiting in a queue; both connections come back by themselves.
 */
export class RedisClient {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #onRoundTrip: () => void;
  readonly #logger: Logger;
  #liveness: NodeJS.Timeout | undefined;
  #runId: string | undefined;

  constructor(options: RedisClientOptions) {
    this.#onRoundTrip = options.onRoundTrip ?? (() => undefined);
    this.#logger = options.logger;
    const shared: RedisOptions & { replyMapping?: "legacy" } = {
      lazyConnect: true,
      protocol: 2,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      autoResubscribe: false,
      connectTimeout: COMMAND_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000) * (0.5 + Math.random() / 2),
      ...(options.password === undefined ? {} : { password: options.password }),
    };
    this.#commands = new Redis(options.url, { ...shared, connectionName: "chat-server" });
    this.#subscriber = new Redis(options.url, { ...shared, connectionName: "chat-server-subscriber" });
    for (const { name, lua } of loadScripts("PUBLISH")) this.#commands.defineCommand(name, { lua });
    for (const connection of [this.#commands, this.#subscriber]) {
      connection.on("error", (error) => this.#logger.warn({ err: error }, "Redis connection failed"));
    }
  }

  /** Starts connecting; returns at once, connected or not. `onSubscriberReady` is called for each new connection of the subscriber. */
  start(onMessage: (channel: string, message: string) => void, onSubscriberReady: () => void): void {
    this.#subscriber.on("message", onMessage);
    this.#subscriber.on("ready", onSubscriberReady);
    this.#commands.on("ready", () => void this.#learnRunId());
    this.#commands.on("close", () => {
      this.#runId = undefined;
    });
    // A first attempt that fails is reported by the "error" event and tried again like any other.
    const ignore = () => undefined;
    this.#commands.connect().catch(ignore);
    this.#subscriber.connect().catch(ignore);
    this.#liveness = setInterval(() => this.#checkLiveness(), LIVENESS_INTERVAL_MS);
    this.#liveness.unref();
  }

  close(): void {
    clearInterval(this.#liveness);
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  problem(): string | undefined {
    if (this.#commands.status !== "ready" || this.#runId === undefined)
      return `Redis is away (connection ${this.#commands.status})`;
    if (this.#subscriber.status !== "ready") return `Redis is away (subscriber ${this.#subscriber.status})`;
    return undefined;
  }

  /** Differs after every restart of Redis, so that a log which may have lost its end is not taken for whole. */
  get runId(): string {
    if (this.#runId === undefined) throw unavailable(new Error("not connected"));
    return this.#runId;
  }

  async script(name: ScriptName, keys: string[], args: (string | number)[]): Promise<unknown> {
    this.#onRoundTrip();
    try {
      const call = (this.#commands as unknown as Record<ScriptName, ScriptCall>)[name];
      return await call.call(this.#commands, keys.length, ...keys, ...args);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async command<Result>(run: (redis: Redis) => Promise<Result>): Promise<Result> {
    this.#onRoundTrip();
    try {
      return await run(this.#commands);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Results in the order of the commands; rejects if one of them failed. */
  async pipeline(build: (pipeline: ChainableCommander) => void): Promise<unknown[]> {
    this.#onRoundTrip();
    try {
      const pipeline = this.#commands.pipeline();
      build(pipeline);
      const results = (await pipeline.exec()) ?? [];
      return results.map(([error, result]) => {
        if (error) throw error;
        return result;
      });
    } catch (error) {
      throw unavailable(error);
    }
  }

  async subscribe(channels: string[]): Promise<void> {
    try {
      await this.#subscriber.subscribe(...channels);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    try {
      await this.#subscriber.unsubscribe(channel);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async pingSubscriber(): Promise<void> {
    try {
      await this.#subscriber.ping();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #learnRunId(): Promise<void> {
    try {
      this.#runId = /^run_id:(\w+)/m.exec(await this.#commands.info("server"))?.[1];
    } catch (error) {
      this.#logger.warn({ err: error }, "Redis does not tell its run id; reconnecting");
      this.#commands.disconnect(true);
    }
  }

  /** A peer that vanished without a word leaves the subscriber waiting for ever: ask, and reconnect if nothing comes back. */
  #checkLiveness(): void {
    for (const connection of [this.#commands, this.#subscriber]) {
      if (connection.status !== "ready") continue;
      connection.ping().catch((error: unknown) => {
        this.#logger.warn({ err: error }, "Redis does not answer; reconnecting");
        if (connection.status === "ready") connection.disconnect(true);
      });
    }
  }
}

function unavailable(cause: unknown): CodedError {
  return new CodedError("unavailable", `Redis is unavailable: ${messageOf(cause)}`, { cause });
}
