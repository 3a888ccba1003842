import { CloseCode } from "@chatcluster/protocol";
import type { SessionRegistry } from "./session/session-registry.ts";

/** Share of the drain time over which clients are told to move; the rest is for the slow ones. */
const MOVING_SHARE = 0.8;
const CHECK_MS = 50;

/** What counts and refuses connections, whichever transport they come by. */
export interface Connections {
  readonly connections: number;
  /** Refuses new connections from now on, with this reason. */
  refuse(reason: string): void;
}

/** Moves the clients elsewhere, spread over a time, then closes those that stayed. */
export class Drain {
  readonly #connections: Connections;
  readonly #registry: SessionRegistry;
  #running: Promise<void> | undefined;

  constructor(connections: Connections, registry: SessionRegistry) {
    this.#connections = connections;
    this.#registry = registry;
  }

  get active(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when no connection is left or the time is over. A second call changes nothing and waits for the first. */
  start(seconds: number): Promise<void> {
    this.#running ??= this.#run(seconds * 1_000);
    return this.#running;
  }

  async #run(durationMs: number): Promise<void> {
    this.#connections.refuse("the server drains");
    const deadline = Date.now() + durationMs;
    for (const session of this.#registry.all()) {
      // Each client its own moment, so that they do not all arrive at the other servers at once.
      const afterMs = Math.floor(Math.random() * durationMs * MOVING_SHARE);
      session.send({ type: "drain", afterMs });
    }
    while (this.#connections.connections > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
    for (const session of this.#registry.all()) session.connection.close(CloseCode.Draining, "the server drains");
  }
}
