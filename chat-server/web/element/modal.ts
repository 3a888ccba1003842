import { setText } from "./dom.ts";

/** A dialog that asks the server for something: one thing at a time, and says why when it is refused. Closing it ends the wait. */
export class Modal {
  readonly #dialog: HTMLDialogElement;
  readonly #error: HTMLElement;
  readonly #textOf: (error: unknown) => string;
  #ended = new AbortController();
  #busy = false;

  /** @param textOf what to say of an error. */
  constructor(dialog: HTMLDialogElement, error: HTMLElement, textOf: (error: unknown) => string) {
    this.#dialog = dialog;
    this.#error = error;
    this.#textOf = textOf;
    // The event comes after the closing: it may have been opened again by then.
    dialog.addEventListener("close", () => {
      if (!dialog.open) this.#ended.abort();
    });
  }

  get isOpen(): boolean {
    return this.#dialog.open;
  }

  show(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
    setText(this.#error, "");
    this.#dialog.showModal();
  }

  /** The focus goes back to where it was. */
  close(): void {
    this.#dialog.close();
  }

  /** @returns whether it was done; false if it was refused, the dialog was closed meanwhile, or something else is under way. */
  async run(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    if (this.#busy) return false;
    this.#busy = true;
    this.#dialog.ariaBusy = "true";
    setText(this.#error, "");
    const { signal } = this.#ended;
    try {
      await work(signal);
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) setText(this.#error, this.#textOf(error));
      return false;
    } finally {
      this.#busy = false;
      this.#dialog.ariaBusy = null;
    }
  }
}
