import type { NewConversation } from "@chatcluster/client";
import { byId, setText } from "../element/dom.ts";
import { textOf } from "./chat.ts";
import { idsIn } from "./format.ts";

/** The dialog that starts a conversation. */
export class NewConversationDialog {
  readonly #dialog = byId("dialog", HTMLDialogElement);
  readonly #form = byId("dialog-form", HTMLFormElement);
  readonly #people = byId("people", HTMLInputElement);
  readonly #title = byId("group-title", HTMLInputElement);
  readonly #error = byId("dialog-error", HTMLElement);

  /** @param create rejects if there can be no such conversation; the dialog then stays and says why. */
  constructor(create: (conversation: NewConversation) => Promise<void>) {
    this.#form.addEventListener("change", () => this.#showKind());
    byId("dialog-cancel", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      create(this.#conversation()).then(
        () => this.#dialog.close(),
        (error: unknown) => setText(this.#error, textOf(error)),
      );
    });
  }

  show(): void {
    this.#form.reset();
    this.#showKind();
    setText(this.#error, "");
    this.#dialog.showModal();
    this.#people.focus();
  }

  close(): void {
    this.#dialog.close();
  }

  get #isGroup(): boolean {
    return new FormData(this.#form).get("kind") === "group";
  }

  #showKind(): void {
    byId("title-field", HTMLElement).hidden = !this.#isGroup;
    setText(byId("people-label", HTMLElement), this.#isGroup ? "Members" : "With whom");
    setText(byId("people-hint", HTMLElement), this.#isGroup ? "User ids, with commas between them." : "A user id.");
  }

  #conversation(): NewConversation {
    const memberIds = idsIn(this.#people.value);
    const title = this.#title.value.trim();
    if (!this.#isGroup) return { kind: "direct", memberIds };
    return { kind: "group", memberIds, ...(title === "" ? {} : { title }) };
  }
}
