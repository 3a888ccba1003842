import type { Logger } from "@chatcluster/foundation/logger";
import type { RedisNode } from "./node.ts";
import { loadScripts, type Script, type ScriptName } from "./scripts.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Place, RedisTopology } from "./topology.ts";
import { unavailable } from "./unavailable.ts";

export interface RedisClientOptions {
  topology: RedisTopology;
  logger: Logger;
  /** Called for every round trip: a command, a script, or a batch, which goes to all the nodes it concerns at once. */
  onRoundTrip?: (() => void) | undefined;
}

export interface RedisListener {
  onMessage(channel: string, message: string): void;
  /** Subscriptions were lost and are there again: what was published on these channels in between did not arrive. */
  onRenewed(channels: string[]): void;
}

/** A command of a batch: its first argument is its key. */
export type KeyCommand = readonly [name: string, key: string, ...args: (string | number)[]];

/**
 * What the server does with Redis, wherever the keys lie: everything goes to the node that has the key, and follows it when it moves. Every
 * method rejects with CodedError `unavailable` while that node is away; a call that was rejected may have taken effect.
 */
export class RedisClient {
  readonly #topology: RedisTopology;
  readonly #scripts: ReturnType<typeof loadScripts>;
  readonly #subscriptions: Subscriptions;
  readonly #onRoundTrip: () => void;
  #listener: RedisListener | undefined;

  constructor({ topology, logger, onRoundTrip = () => undefined }: RedisClientOptions) {
    this.#topology = topology;
    this.#onRoundTrip = onRoundTrip;
    this.#scripts = loadScripts(topology.pubSub.publish);
    this.#subscriptions = new Subscriptions({
      subscribe: (channels) => this.#subscribe(channels),
      slotOf: (channel) => topology.slotOf(channel),
      ownerOf: (channel) => {
        try {
          return topology.nodeOf(channel);
        } catch {
          // No node has it now: there is nowhere to move the subscription to.
          return undefined;
        }
      },
      onRenewed: (channels) => this.#listener?.onRenewed(channels),
      logger,
    });
  }

  /** Starts connecting; returns at once, connected or not. */
  start(listener: RedisListener): void {
    this.#listener = listener;
    this.#topology.start({
      onMessage: (channel, message) => listener.onMessage(channel, message),
      onSubscriptionsLost: (node) => this.#subscriptions.lostAt(node),
      onSubscriptionsEnded: (node) => this.#subscriptions.endedAt(node),
      onChange: () => this.#subscriptions.check(),
    });
  }

  close(): void {
    this.#subscriptions.close();
    this.#topology.close();
  }

  /** What is missing, in words; undefined when everything works. */
  problem(): string | undefined {
    return (
      this.#topology.problem() ?? (this.#subscriptions.complete ? undefined : "Redis subscriptions are being renewed")
    );
  }

  /** One of the server's own scripts. All keys are of one slot. The run of the node goes before the arguments of those that take it. */
  script(name: ScriptName, keys: string[], args: (string | number)[]): Promise<unknown> {
    const script = this.#scripts[name];
    return this.#atOwner(keys[0] ?? "", async ({ node, asking }) => {
      if (script.run === "fresh") await node.learnRun();
      return node.evaluate(script, keys, script.run ? [node.run, ...args] : args, asking);
    });
  }

  /** Resolves with the run of the key's node when that run is old enough: see {@link RedisNode.settledRun}. */
  settledRun(key: string): Promise<string> {
    return this.#follow(key, undefined, ({ node }) => node.settledRun());
  }

  /** Any script. All keys are of one slot. */
  evaluate(script: Script, keys: string[], args: (string | number)[]): Promise<unknown> {
    return this.#atOwner(keys[0] ?? "", ({ node, asking }) => node.evaluate(script, keys, args, asking));
  }

  command(...command: KeyCommand): Promise<unknown> {
    return this.#atOwner(command[1], ({ node, asking }) => node.send(command, asking));
  }

  /** Several commands, sent together. Results are in their order; rejects if one of them failed. */
  async commands(commands: readonly KeyCommand[]): Promise<unknown[]> {
    if (commands.length === 0) return [];
    this.#onRoundTrip();
    const results = new Array<unknown>(commands.length);
    const groups = [...this.#byNode(commands)];
    await Promise.all(groups.map(([node, indexes]) => this.#pipeline(node, commands, indexes, results)));
    return results;
  }

  /** The values of string keys; null for those that are not there. */
  async values(keys: readonly string[]): Promise<(string | null)[]> {
    const bySlot = Map.groupBy(keys.keys(), (index) => this.#topology.slotOf(keys[index] ?? ""));
    const groups = [...bySlot.values()];
    const replies = await this.commands(
      groups.map((group) => ["mget", ...group.map((i) => keys[i] ?? "")] as const as KeyCommand),
    );
    const values = new Array<string | null>(keys.length).fill(null);
    groups.forEach((group, index) => {
      const found = replies[index] as (string | null)[];
      group.forEach((key, position) => {
        values[key] = found[position] ?? null;
      });
    });
    return values;
  }

  async publish(channels: readonly string[], payload: string): Promise<void> {
    const { publish } = this.#topology.pubSub;
    await this.commands(channels.map((channel) => [publish, channel, payload] as const));
  }

  /** Resolves when what is published from now on arrives. */
  subscribe(channel: string): Promise<void> {
    return this.#subscriptions.add(channel);
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.remove(channel);
  }

  /** Resolves when all that was published before the call, on channels that are subscribed to, has been given to the listener. */
  async barrier(): Promise<void> {
    try {
      // Each node answers on the connection of the subscriptions after what it has published there.
      await Promise.all(this.#topology.nodes().map((node) => node.pingSubscriber()));
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #subscribe(channels: readonly string[]): Promise<RedisNode> {
    return this.#follow(channels[0] ?? "", undefined, async ({ node }) => {
      await node.subscribe(channels);
      return node;
    });
  }

  #atOwner<Result>(key: string, attempt: (place: Place) => Promise<Result>): Promise<Result> {
    return this.#follow(key, undefined, (place) => {
      this.#onRoundTrip();
      return attempt(place);
    });
  }

  /** Tries at the key's node, or first somewhere else, and wherever the topology says after each failure. */
  async #follow<Result>(
    key: string,
    first: Place | undefined,
    attempt: (place: Place) => Promise<Result>,
  ): Promise<Result> {
    let place = first ?? { node: this.#topology.nodeOf(key), asking: false };
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(place);
      } catch (error) {
        const next = await this.#topology.redirect(error, key, place.node, tries);
        if (!next) throw unavailable(error);
        place = next;
      }
    }
  }

  #byNode(commands: readonly KeyCommand[]): Map<RedisNode, number[]> {
    return Map.groupBy(commands.keys(), (index) => this.#topology.nodeOf(commands[index]?.[1] ?? ""));
  }

  async #pipeline(
    node: RedisNode,
    commands: readonly KeyCommand[],
    indexes: readonly number[],
    results: unknown[],
  ): Promise<void> {
    const of = (index: number) => commands[index] as KeyCommand;
    let replies: unknown[];
    try {
      replies = await node.pipeline(indexes.map(of));
    } catch (error) {
      await this.#topology.redirect(error, of(indexes[0] ?? 0)[1], node, 1);
      throw unavailable(error);
    }
    for (const [position, index] of indexes.entries()) {
      const reply = replies[position];
      results[index] = reply instanceof Error ? await this.#again(of(index), reply, node) : reply;
    }
  }

  /** A command of a pipeline that failed alone: its key may have moved. In order, so that commands on one key stay in theirs. */
  async #again(command: KeyCommand, error: Error, at: RedisNode): Promise<unknown> {
    const next = await this.#topology.redirect(error, command[1], at, 1);
    if (!next) throw unavailable(error);
    return this.#follow(command[1], next, ({ node, asking }) => {
      this.#onRoundTrip();
      return node.send(command, asking);
    });
  }
}
