import type { RedisNode } from "./node.ts";
import type { PubSub } from "./pub-sub.ts";

/** Where to send something next. */
export interface Place {
  readonly node: RedisNode;
  /** The key is on its way to this node: an ASKING goes before the command. */
  readonly asking: boolean;
}

export interface TopologyListener {
  onMessage(channel: string, message: string): void;
  /** What was subscribed to at the node is gone. */
  onSubscriptionsLost(node: RedisNode): void;
  /** The node has ended subscriptions by itself. */
  onSubscriptionsEnded(node: RedisNode): void;
  /** More can be reached than before, or keys have other nodes. */
  onChange(): void;
}

/** Which node has which key: one node for all, or a cluster's map of slots. */
export interface RedisTopology {
  readonly pubSub: PubSub;
  /** Starts connecting; returns at once. */
  start(listener: TopologyListener): void;
  close(): void;
  /** What is missing, in words; undefined when every key has a node that answers. */
  problem(): string | undefined;
  /** Keys (and channels) of one slot may go into one command. */
  slotOf(key: string): number;
  /** The node that has the key. @throws CodedError `unavailable` if there is none */
  nodeOf(key: string): RedisNode;
  /** All nodes that have keys. */
  nodes(): RedisNode[];
  /**
   * What to make of an error that a node gave: another place to try, perhaps after a wait, or undefined if there is none. `tries` counts from 1.
   */
  redirect(error: unknown, key: string, at: RedisNode, tries: number): Promise<Place | undefined>;
}
