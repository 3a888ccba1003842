/** A set of counting numbers that fills up nearly in order: everything below `#next`, and what came ahead of it. */
export class SequenceSet {
  #next = 0;
  readonly #ahead = new Set<number>();

  /** @returns false if the number was there before. */
  add(n: number): boolean {
    if (this.has(n)) return false;
    this.#ahead.add(n);
    while (this.#ahead.delete(this.#next)) this.#next++;
    return true;
  }

  has(n: number): boolean {
    return n < this.#next || this.#ahead.has(n);
  }

  get size(): number {
    return this.#next + this.#ahead.size;
  }

  /** How many of `other`'s numbers are missing here. */
  missing(other: SequenceSet): number {
    let count = 0;
    for (let n = this.#next; n < other.#next; n++) if (!this.#ahead.has(n)) count++;
    for (const n of other.#ahead) if (!this.has(n)) count++;
    return count;
  }
}
