/** How many ids of a conversation are told apart one by one. */
const WINDOW = 512;

/**
 * The ids of a conversation's messages that the application has had, in bounded memory.
 *
 * Message ids sort in the order of the messages, and nearly all arrive in that order. So the newest are kept one by one, and older ones
 * are stood for by a high-water mark: a message that comes late (from the offline list, or the history) is still told from a
 * duplicate as long as fewer than {@link WINDOW} newer ones have come before it. The smallest are forgotten first, so a list that is read
 * in order may be of any length.
 */
export class SeenMessages {
  #highWaterMark = "";
  /** Sorted. Grows to twice the window before it is cut, so that cutting costs little a message. */
  #ids: string[] = [];

  has(id: string): boolean {
    return id <= this.#highWaterMark || this.#ids.includes(id);
  }

  /** Notes a message id. @returns false if it was there before. */
  add(id: string): boolean {
    if (id <= this.#highWaterMark) return false;
    let index = this.#ids.length;
    while (index > 0 && (this.#ids[index - 1] as string) > id) index--;
    if (index > 0 && this.#ids[index - 1] === id) return false;
    this.#ids.splice(index, 0, id);
    if (this.#ids.length >= 2 * WINDOW) {
      this.#highWaterMark = this.#ids[WINDOW - 1] as string;
      this.#ids = this.#ids.slice(WINDOW);
    }
    return true;
  }

  /** The greatest id noted. */
  get last(): string | undefined {
    return this.#ids.at(-1);
  }
}
