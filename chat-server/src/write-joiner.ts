import type { Writable } from "node:stream";

/** Joins what is written to one stream within a turn of the event loop into one write: most of a small write's cost is the system call. */
export class WriteJoiner {
  #corked: Writable[] = [];

  /** To be called before writing. */
  cork(stream: Writable): void {
    if (stream.writableCorked > 0) return;
    if (this.#corked.length === 0) setImmediate(() => this.#flush());
    this.#corked.push(stream);
    stream.cork();
  }

  #flush(): void {
    const corked = this.#corked;
    this.#corked = [];
    for (const stream of corked) stream.uncork();
  }
}
