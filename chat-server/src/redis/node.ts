import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Redis } from "ioredis";
import { WriteJoiner } from "../write-joiner.ts";
import type { PubSub } from "./pub-sub.ts";
import { type NodeIdentity, readIdentity } from "./run.ts";
import type { Script } from "./scripts.ts";
import { unavailable } from "./unavailable.ts";

/** Shorter than any sensible `cluster-node-timeout`: a master that lost its place and got it back is seen in between. */
const LIVENESS_INTERVAL_MS = 2_000;

/**
 * Milliseconds that messages which were reserved in a run that is over have to reach Cassandra, before the logs of the next one begin. They are on their
 * way already; who has waited long before storing reserves again (`MessageSender`).
 */
export const SETTLE_MS = 2_000;

/** Milliseconds after which a connection that ended by itself is made anew. */
const REOPEN_MS = 100;

/** A command's name and arguments; the first argument is its key, if it has one. */
export type RedisCommand = readonly [name: string, ...args: (string | number)[]];

export interface NodeListener {
  onMessage(channel: string, message: string): void;
  /** The connection of the subscriptions is new: nothing is subscribed to on it. */
  onSubscriberReady(node: RedisNode): void;
  onSubscriberLost(node: RedisNode): void;
  /** The server has ended subscriptions by itself, because it no longer has their slot. */
  onSubscriptionsEnded(node: RedisNode): void;
  /** Commands can be sent. */
  onReady(node: RedisNode): void;
  /** The node is away, or no master: it may have been replaced. */
  onTrouble(node: RedisNode): void;
}

export interface NodeOptions {
  /** For messages: its address, or what finds it. */
  name: string;
  /** Makes a connection that is not open yet. */
  connection: (connectionName: string) => Redis;
  pubSub: PubSub;
  logger: Logger;
  listener: NodeListener;
  /** The node was met later than the others: it may have become a master just now, whatever its age. */
  late?: boolean;
}

/**
 * Two connections to one Redis server: commands on one, subscriptions on the other. Commands fail at once while it is away instead of
 * waiting in a queue; both connections come back by themselves.
 */
export class RedisNode {
  readonly name: string;
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #pubSub: PubSub;
  readonly #logger: Logger;
  readonly #joiner = new WriteJoiner();
  readonly #listener: NodeListener;
  #liveness: NodeJS.Timeout | undefined;
  #identity: NodeIdentity | undefined;
  readonly #late: boolean;
  #lastRun: string | undefined;
  /** On the clock of `performance.now()`. */
  #settledAt = Number.POSITIVE_INFINITY;
  /** Of the server that the subscriptions are at: connections that are made one after the other may find different masters. */
  #subscriberServer: string | undefined;
  #reason = "connecting";
  #closed = false;

  constructor({ name, connection, pubSub, logger, listener, late = false }: NodeOptions) {
    this.name = name;
    this.#late = late;
    this.#pubSub = pubSub;
    this.#logger = logger;
    this.#listener = listener;
    this.#commands = connection("chat-server");
    this.#subscriber = connection("chat-server-subscriber");
    this.#commands.on("ready", () => void this.#onCommandsReady());
    this.#commands.on("close", () => this.#onCommandsLost());
    this.#subscriber.on("ready", () => void this.#onSubscriberReady());
    this.#subscriber.on("close", () => this.#onSubscriberLost());
    this.#subscriber.on(pubSub.message, (channel: string, message: string) =>
      this.#listener.onMessage(channel, message),
    );
    this.#subscriber.on("moved", () => this.#listener.onSubscriptionsEnded(this));
    for (const connection of [this.#commands, this.#subscriber]) {
      connection.on("error", (error) => this.#onError(error));
      connection.on("end", () => this.#reopen(connection));
    }
  }

  /** Starts connecting; returns at once, connected or not. */
  start(): void {
    // A first attempt that fails is reported by the "error" event and tried again like any other.
    const ignore = () => undefined;
    this.#commands.connect().catch(ignore);
    this.#subscriber.connect().catch(ignore);
    this.#liveness = setInterval(() => void this.#checkLiveness(), LIVENESS_INTERVAL_MS);
    this.#liveness.unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#liveness);
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  problem(): string | undefined {
    if (!this.ready) return `Redis is away (${this.name}: ${this.#reason})`;
    if (this.#subscriberServer === undefined)
      return `Redis is away (${this.name}: subscriber ${this.#subscriber.status})`;
    return undefined;
  }

  /** Whether commands can be sent to it, and it is a master. */
  get ready(): boolean {
    return this.#commands.status === "ready" && this.#identity?.master === true;
  }

  /** Whether it answers at all: a replica also tells where the masters are. */
  get answers(): boolean {
    return this.#commands.status === "ready";
  }

  /**
   * Differs after everything by which this server may have lost the end of what it had acknowledged: a restart, and losing its place as the master.
   * @throws CodedError `unavailable` while it is not known
   */
  get run(): string {
    if (!this.#identity?.master) throw unavailable(new Error(`${this.name}: ${this.#reason}`));
    return this.#identity.run;
  }

  /** Resolves with the run, once it has lasted for {@link SETTLE_MS}. @throws CodedError `unavailable` */
  async settledRun(): Promise<string> {
    for (;;) {
      const { run } = this;
      const wait = this.#settledAt - performance.now();
      if (wait <= 0) return run;
      await delay(wait);
    }
  }

  /** Asks the server for its run. */
  async learnRun(): Promise<void> {
    const identity = readIdentity(String(await this.#commands.info("server", "replication")));
    const before = this.#identity;
    this.#identity = identity;
    if (identity.run !== this.#lastRun) {
      const isOld = this.#lastRun === undefined && !this.#late && identity.age >= SETTLE_MS;
      this.#settledAt = performance.now() + (isOld ? 0 : SETTLE_MS);
      this.#lastRun = identity.run;
    }
    if (!identity.master) this.#reason = "is a replica";
    if (identity.master !== before?.master) this.#listener[identity.master ? "onReady" : "onTrouble"](this);
    if (this.#subscriberServer !== undefined && this.#subscriberServer !== identity.server)
      this.#subscriber.disconnect(true);
  }

  call([name, ...args]: RedisCommand): Promise<unknown> {
    this.#joinWrites();
    return this.#commands.call(name, ...args);
  }

  /** Sends all at once; errors are among the results. */
  async pipeline(commands: readonly RedisCommand[]): Promise<unknown[]> {
    this.#joinWrites();
    const pipeline = this.#commands.pipeline();
    for (const [name, ...args] of commands) pipeline.call(name, ...args.map(String));
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, result]) => error ?? result);
  }

  /** `asking`: for a key that is on its way to this node (https://redis.io/docs/latest/commands/asking/). */
  async evaluate({ lua, sha1 }: Script, keys: string[], args: (string | number)[], asking: boolean): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.send(["evalsha", sha1, ...rest], asking);
    } catch (error) {
      // A server that has been restarted, or is new, does not know it.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return this.send(["eval", lua, ...rest], asking);
    }
  }

  async send(command: RedisCommand, asking: boolean): Promise<unknown> {
    if (!asking) return this.call(command);
    const [, result] = await this.pipeline([["asking"], command]);
    if (result instanceof Error) throw result;
    return result;
  }

  /** All of one slot. */
  async subscribe(channels: readonly string[]): Promise<void> {
    if (this.#subscriberServer === undefined)
      throw unavailable(new Error(`${this.name}: no connection for subscriptions`));
    await this.#subscriber[this.#pubSub.subscribe](...channels);
  }

  unsubscribe(channel: string): void {
    if (this.#subscriber.status !== "ready") return;
    this.#subscriber[this.#pubSub.unsubscribe](channel).catch((error: unknown) => {
      // Without a connection there is no subscription either, and the next one does not ask for this channel.
      this.#logger.debug({ err: error, channel }, "not unsubscribed");
    });
  }

  /** What is subscribed to on the present connection. */
  subscribed(): Set<string> {
    const subscriptions = this.#subscriber.condition?.subscriber;
    return new Set(subscriptions ? subscriptions.channels(this.#pubSub.subscribe) : []);
  }

  /** Resolves when everything has been given out that was published before, if anything is subscribed to. */
  async pingSubscriber(): Promise<void> {
    await this.#subscriber.ping();
  }

  reconnect(): void {
    if (this.#closed) return;
    for (const connection of [this.#commands, this.#subscriber])
      if (connection.status === "ready") connection.disconnect(true);
  }

  /**
   * Whatever its `retryStrategy`, ioredis (6.0.0) gives a connection up when a failover is told while that connection looks for the master: what watches
   * for failovers then ends the search of its own connector.
   */
  #reopen(connection: Redis): void {
    if (this.#closed) return;
    setTimeout(() => {
      // What failed is told by its "error" event.
      if (!this.#closed && connection.status === "end") connection.connect().catch(() => undefined);
    }, REOPEN_MS);
  }

  /** Commands of one turn of the event loop leave together. */
  #joinWrites(): void {
    // Away: the command fails by itself.
    if (this.#commands.status === "ready") this.#joiner.cork(this.#commands.stream);
  }

  async #onCommandsReady(): Promise<void> {
    try {
      await this.learnRun();
    } catch (error) {
      this.#logger.warn({ err: error, node: this.name }, "Redis does not tell its run id; reconnecting");
      if (!this.#closed) this.#commands.disconnect(true);
    }
  }

  #onCommandsLost(): void {
    this.#identity = undefined;
    this.#reason = `connection ${this.#commands.status}`;
    if (!this.#closed) this.#listener.onTrouble(this);
  }

  async #onSubscriberReady(): Promise<void> {
    try {
      const { server } = readIdentity(String(await this.#subscriber.info("server", "replication")));
      if (this.#identity && this.#identity.server !== server)
        throw new Error("it is another server than that of the commands");
      this.#subscriberServer = server;
      this.#listener.onSubscriberReady(this);
    } catch (error) {
      this.#logger.warn({ err: error, node: this.name }, "subscriber of no use; reconnecting");
      if (!this.#closed) this.#subscriber.disconnect(true);
    }
  }

  #onSubscriberLost(): void {
    this.#subscriberServer = undefined;
    if (!this.#closed) this.#listener.onSubscriberLost(this);
  }

  #onError(error: Error): void {
    this.#reason = messageOf(error);
    this.#logger.warn({ err: error, node: this.name }, "Redis connection failed");
    // Answers no longer match what was asked (https://github.com/valkey-io/valkey/issues/1066).
    if (error.message.startsWith("Command queue state error")) this.reconnect();
  }

  /** A peer that vanished without a word leaves the subscriber waiting for ever: ask, and reconnect if nothing comes back. */
  async #checkLiveness(): Promise<void> {
    const check = async (connection: Redis, ask: () => Promise<unknown>) => {
      if (connection.status !== "ready") return;
      try {
        await ask();
      } catch (error) {
        this.#logger.warn({ err: error, node: this.name }, "Redis does not answer; reconnecting");
        if (connection.status === "ready" && !this.#closed) connection.disconnect(true);
      }
    };
    await Promise.all([
      check(this.#commands, () => this.learnRun()),
      check(this.#subscriber, () => this.#subscriber.ping()),
    ]);
  }
}
