import { byId, setText } from "../element/dom.ts";
import { Modal } from "../element/modal.ts";
import { textOf } from "./chat.ts";
import type { Entry, Thread } from "./thread.ts";

/** What the dialog does with a message. Each rejects if the server refuses it. */
export interface MessageActions {
  edit(thread: Thread, messageId: string, text: string, signal: AbortSignal): Promise<void>;
  delete(thread: Thread, messageId: string, signal: AbortSignal): Promise<void>;
}

/** The dialog that edits or deletes a message. */
export class MessageDialog {
  readonly #modal = new Modal(byId("message-dialog", HTMLDialogElement), byId("message-error", HTMLElement), textOf);
  readonly #text = byId("message-text", HTMLTextAreaElement);
  readonly #quote = byId("message-quote", HTMLElement);
  readonly #delete = byId("message-delete", HTMLButtonElement);
  readonly #save = byId("message-save", HTMLButtonElement);
  readonly #actions: MessageActions;
  #of: { thread: Thread; entry: Entry; messageId: string } | undefined;

  /** @param onDone called when something was done, for the focus: what it came from may be gone. */
  constructor(actions: MessageActions, onDone: () => void) {
    this.#actions = actions;
    byId("message-cancel", HTMLButtonElement).addEventListener("click", () => this.close());
    this.#delete.addEventListener("click", () => {
      void this.#run(({ thread, messageId }, signal) => actions.delete(thread, messageId, signal)).then(
        (done) => done && onDone(),
      );
    });
    byId("message-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#edit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void this.#edit();
    });
  }

  /** Of a message, in UTF-16 code units. */
  set maxLength(length: number) {
    this.#text.maxLength = length;
  }

  show(thread: Thread, entry: Entry): void {
    if (entry.id === undefined) return;
    this.#of = { thread, entry, messageId: entry.id };
    const mayEdit = thread.mayEdit(entry);
    byId("message-edit", HTMLElement).hidden = !mayEdit;
    this.#save.hidden = !mayEdit;
    this.#quote.hidden = mayEdit;
    setText(this.#quote, mayEdit ? "" : `${entry.senderId}: ${entry.text}`);
    setText(byId("message-title", HTMLElement), mayEdit ? "Edit or delete" : "Delete this message?");
    this.#text.value = entry.text;
    this.#modal.show();
    (mayEdit ? this.#text : this.#delete).focus();
  }

  close(): void {
    this.#modal.close();
  }

  async #edit(): Promise<void> {
    const text = this.#text.value.trim();
    if (text === "" || text === this.#of?.entry.text) return this.close();
    await this.#run(({ thread, messageId }, signal) => this.#actions.edit(thread, messageId, text, signal));
  }

  async #run(
    work: (of: { thread: Thread; messageId: string }, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const of = this.#of;
    const done = of !== undefined && (await this.#modal.run((signal) => work(of, signal)));
    if (done) this.close();
    return done;
  }
}
