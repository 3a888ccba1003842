import type { Logger } from "@chatcluster/foundation/logger";
import type { Redis } from "ioredis";
import { RedisNode } from "./node.ts";
import { PLAIN } from "./pub-sub.ts";
import type { Place, RedisTopology, TopologyListener } from "./topology.ts";

/** Milliseconds between looks at something that answers and is no master. */
const LEAVE_REPLICA_MS = 500;

export interface SingleTopologyOptions {
  /** For messages: the address, or what finds the master. */
  name: string;
  connection: (connectionName: string) => Redis;
  logger: Logger;
}

/** One node has everything: a Redis alone, or the one that Sentinel calls the master, which each new connection asks for. */
export class SingleTopology implements RedisTopology {
  readonly pubSub = PLAIN;
  readonly #node: RedisNode;
  #listener: TopologyListener | undefined;

  constructor({ name, connection, logger }: SingleTopologyOptions) {
    this.#node = new RedisNode({
      name,
      connection,
      pubSub: PLAIN,
      logger,
      listener: {
        onMessage: (channel, message) => this.#listener?.onMessage(channel, message),
        onSubscriberReady: () => this.#listener?.onChange(),
        onSubscriberLost: (node) => this.#listener?.onSubscriptionsLost(node),
        onSubscriptionsEnded: (node) => this.#listener?.onSubscriptionsEnded(node),
        onReady: () => this.#listener?.onChange(),
        onTrouble: () => this.#leaveReplica(),
      },
    });
  }

  start(listener: TopologyListener): void {
    this.#listener = listener;
    this.#node.start();
  }

  close(): void {
    this.#node.close();
  }

  problem(): string | undefined {
    return this.#node.problem();
  }

  slotOf(): number {
    return 0;
  }

  nodeOf(): RedisNode {
    return this.#node;
  }

  nodes(): RedisNode[] {
    return [this.#node];
  }

  /** What is away is looked for by its own connections; one that became a replica has to be left, in case the name leads elsewhere now. */
  #leaveReplica(): void {
    setTimeout(() => {
      if (this.#node.answers && !this.#node.ready) this.#node.reconnect();
    }, LEAVE_REPLICA_MS).unref();
  }

  async redirect(error: unknown): Promise<Place | undefined> {
    // The master was demoted under us: its successor is found by connecting anew.
    if (error instanceof Error && error.message.startsWith("READONLY")) this.#node.reconnect();
    return undefined;
  }
}
