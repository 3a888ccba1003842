/** Servers whose queues one cursor remembers: without affinity a client comes to several in turn. */
const MAX_ENTRIES = 4;
const ENTRY = /^([A-Za-z0-9_-]{12})\.(\d{1,15})$/;

/** What a client has of the queues that servers keep for it: `queue.number,…`, the last one asked first. */
export class PollCursor {
  readonly #entries: ReadonlyMap<string, number>;

  private constructor(entries: ReadonlyMap<string, number>) {
    this.#entries = entries;
  }

  /** Undefined if the text is none of ours. */
  static parse(text: string): PollCursor | undefined {
    const entries = new Map<string, number>();
    for (const part of text === "" ? [] : text.split(",", MAX_ENTRIES + 1)) {
      const [, queue, upTo] = ENTRY.exec(part) ?? [];
      if (queue === undefined || entries.size === MAX_ENTRIES) return undefined;
      entries.set(queue, Number(upTo));
    }
    return new PollCursor(entries);
  }

  get queues(): Iterable<[string, number]> {
    return this.#entries;
  }

  with(queue: string, upTo: number): PollCursor {
    const others = [...this.#entries].filter(([name]) => name !== queue).slice(0, MAX_ENTRIES - 1);
    return new PollCursor(new Map([[queue, upTo], ...others]));
  }

  toString(): string {
    return [...this.#entries].map(([queue, upTo]) => `${queue}.${upTo}`).join(",");
  }
}
