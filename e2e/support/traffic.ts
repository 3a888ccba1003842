import { setTimeout as delay } from "node:timers/promises";
import type { Person } from "./person.ts";

/** A sender that goes on through every disturbance, and remembers what was acknowledged. */
export class Traffic implements Disposable {
  /** Ids of the messages that the server said are stored. */
  readonly acknowledged = new Set<string>();
  readonly failures: unknown[] = [];
  readonly #stop = new AbortController();
  readonly #sends: Promise<void>[] = [];
  readonly #loop: Promise<void>;

  /** @param perSecond messages a second, sent whether or not the earlier ones are acknowledged */
  constructor(sender: Person, conversationId: string, perSecond: number) {
    this.#loop = this.#run(sender, conversationId, 1_000 / perSecond);
  }

  async #run(sender: Person, conversationId: string, intervalMs: number): Promise<void> {
    for (let count = 0; !this.#stop.signal.aborted; count++) {
      this.#sends.push(
        sender.client.send(conversationId, `message ${count}`).then(
          ({ messageId }) => void this.acknowledged.add(messageId),
          (error: unknown) => void this.failures.push(error),
        ),
      );
      await delay(intervalMs);
    }
  }

  /** Stops sending and waits until everything sent is acknowledged or refused. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await Promise.all(this.#sends);
  }

  /** A test that failed sends no more. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
