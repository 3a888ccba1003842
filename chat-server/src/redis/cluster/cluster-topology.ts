import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import slotOf from "cluster-key-slot";
import type { Redis } from "ioredis";
import { hostAndPort } from "../address.ts";
import { RedisNode, SETTLE_MS } from "../node.ts";
import { SHARDED } from "../pub-sub.ts";
import type { Place, RedisTopology, TopologyListener } from "../topology.ts";
import { unavailable } from "../unavailable.ts";
import { redirectionOf } from "./redirection.ts";
import { type ClusterView, newest, readView, SLOTS } from "./slot-map.ts";

/** Milliseconds between looks at the map without a reason, and the least between two with one. */
const REFRESH_MS = 2_000;
const LEAST_REFRESH_MS = 100;
/** Nodes asked for one look, and how long for. */
const ASKED = 5;
const VIEW_TIMEOUT_MS = 1_000;
/** Looks after which a map that is older than the last is believed: the cluster was made anew. */
const OLDER_LOOKS = 5;
/** A command follows its key so often; while a slot moves, a script whose keys are on both sides waits between. */
const MOST_TRIES = 20;
const TRY_AGAIN_MS = 75;
/** For a first connection to a node that a key has moved to. */
const CONNECT_MS = 1_000;

export interface ClusterTopologyOptions {
  /** `host:port` each, of which one has to answer. */
  seeds: readonly string[];
  connection: (host: string, port: number, connectionName: string) => Redis;
  logger: Logger;
}

/**
 * A Redis Cluster: its map of slots, and a node for each master. The map is asked for anew when a node says that a slot has moved, when one is lost,
 * and every two seconds, of several nodes; the view of the highest epoch counts, so that a master which was away and does not know yet
 * that it has been replaced convinces nobody.
 */
export class ClusterTopology implements RedisTopology {
  readonly pubSub = SHARDED;
  readonly #options: ClusterTopologyOptions;
  readonly #nodes = new Map<string, RedisNode>();
  readonly #startedAt = performance.now();
  /** Of each slot. */
  #masters: (string | undefined)[] = [];
  /** Kept, for they are asked about with every message. */
  #nodesWithSlots: RedisNode[] = [];
  #missing = SLOTS;
  #view: ClusterView | undefined;
  #olderLooks = 0;
  #listener: TopologyListener | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing = false;
  #again = false;
  #closed = false;

  constructor(options: ClusterTopologyOptions) {
    this.#options = options;
  }

  start(listener: TopologyListener): void {
    this.#listener = listener;
    for (const seed of this.#options.seeds) this.#node(seed);
    this.#schedule(REFRESH_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const node of this.#nodes.values()) node.close();
  }

  problem(): string | undefined {
    if (!this.#view) return "Redis Cluster is away (no node has told the map of slots)";
    if (this.#missing > 0) return `Redis Cluster: ${this.#missing} of ${SLOTS} slots have no node`;
    if (!this.#view.ok) return "Redis Cluster is down (cluster_state)";
    for (const node of this.#nodesWithSlots) {
      const problem = node.problem();
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  slotOf(key: string): number {
    return slotOf(key);
  }

  nodeOf(key: string): RedisNode {
    const slot = slotOf(key);
    const master = this.#masters[slot];
    if (master === undefined) throw unavailable(new Error(`no node has slot ${slot}`));
    return this.#node(master);
  }

  nodes(): RedisNode[] {
    return this.#nodesWithSlots;
  }

  async redirect(error: unknown, key: string, at: RedisNode, tries: number): Promise<Place | undefined> {
    const redirection = redirectionOf(error);
    this.#refreshSoon();
    if (!redirection || tries >= MOST_TRIES) return undefined;
    if (redirection.kind === "try_again") {
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      return { node: this.nodeOf(key), asking: false };
    }
    const address = `${redirection.host || hostAndPort(at.name).host}:${redirection.port}`;
    const node = this.#node(address);
    if (redirection.kind === "moved" && this.#masters[redirection.slot] !== address) {
      const masters = [...this.#masters];
      masters[redirection.slot] = address;
      this.#setMasters(masters);
    }
    const deadline = performance.now() + CONNECT_MS;
    while (!node.ready && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    return { node, asking: redirection.kind === "ask" };
  }

  #node(address: string): RedisNode {
    const known = this.#nodes.get(address);
    if (known) return known;
    const { host, port } = hostAndPort(address);
    const node = new RedisNode({
      name: address,
      connection: (connectionName) => this.#options.connection(host, port, connectionName),
      pubSub: SHARDED,
      late: performance.now() - this.#startedAt > SETTLE_MS,
      logger: this.#options.logger,
      listener: {
        onMessage: (channel, message) => this.#listener?.onMessage(channel, message),
        onSubscriberReady: () => this.#listener?.onChange(),
        onSubscriberLost: (lost) => this.#listener?.onSubscriptionsLost(lost),
        onSubscriptionsEnded: (ended) => {
          this.#listener?.onSubscriptionsEnded(ended);
          this.#refreshSoon();
        },
        onReady: () => {
          this.#refreshSoon();
          this.#listener?.onChange();
        },
        onTrouble: () => this.#refreshSoon(),
      },
    });
    this.#nodes.set(address, node);
    if (!this.#closed) node.start();
    return node;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#refresh(), ms);
    this.#timer.unref();
  }

  #refreshSoon(): void {
    if (this.#refreshing) this.#again = true;
    else this.#schedule(LEAST_REFRESH_MS);
  }

  async #refresh(): Promise<void> {
    this.#refreshing = true;
    this.#again = false;
    try {
      const answering = [...this.#nodes.values()].filter((node) => node.answers);
      // Nobody left of those that were there last: the configured ones may have new addresses.
      if (answering.length === 0) for (const seed of this.#options.seeds) this.#node(seed);
      const asked = sample(answering, ASKED);
      const views = await Promise.all(asked.map((node) => this.#viewOf(node)));
      const view = newest(views.filter((each) => each !== undefined));
      if (view && this.#isNews(view)) this.#apply(view);
    } finally {
      this.#refreshing = false;
      this.#schedule(this.#again ? LEAST_REFRESH_MS : REFRESH_MS);
    }
  }

  async #viewOf(node: RedisNode): Promise<ClusterView | undefined> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("no answer in time")), VIEW_TIMEOUT_MS);
      });
      const [info, slots] = await Promise.race([
        node.pipeline([
          ["cluster", "info"],
          ["cluster", "slots"],
        ]),
        late,
      ]);
      if (info instanceof Error) throw info;
      return readView(info, slots, hostAndPort(node.name).host);
    } catch (error) {
      this.#options.logger.debug({ node: node.name, reason: messageOf(error) }, "no map of slots from this node");
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #isNews(view: ClusterView): boolean {
    if (!this.#view || view.epoch >= this.#view.epoch || ++this.#olderLooks >= OLDER_LOOKS) {
      this.#olderLooks = 0;
      return true;
    }
    return false;
  }

  #apply(view: ClusterView): void {
    this.#view = view;
    if (view.masters.every((master, slot) => master === this.#masters[slot])) return;
    this.#setMasters(view.masters);
    const kept = new Set(this.#nodesWithSlots);
    if (kept.size === 0) return;
    for (const [address, node] of this.#nodes) {
      if (kept.has(node)) continue;
      this.#nodes.delete(address);
      this.#listener?.onSubscriptionsLost(node);
      node.close();
    }
  }

  #setMasters(masters: readonly (string | undefined)[]): void {
    this.#masters = [...masters];
    const addresses = new Set(masters);
    this.#missing = addresses.delete(undefined) ? masters.filter((master) => master === undefined).length : 0;
    this.#nodesWithSlots = [...addresses].map((address) => this.#node(address as string));
    this.#listener?.onChange();
  }
}

function sample<Item>(items: readonly Item[], count: number): Item[] {
  const rest = [...items];
  while (rest.length > count) rest.splice(Math.floor(Math.random() * rest.length), 1);
  return rest;
}
