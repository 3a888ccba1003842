import { byId } from "../element/dom.ts";

/** Where a message is written. What was begun in one conversation waits there. */
export class Composer {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #drafts = new Map<string, string>();
  #conversationId = "";

  /**
   * @param onTyping called at each change, with whether there is something to send.
   * @param editLast called at the up arrow where nothing is written.
   */
  constructor(send: (text: string) => void, onTyping: (active: boolean) => void, editLast: () => void) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (text === "") return;
      this.#text.value = "";
      onTyping(false);
      send(text);
    });
    this.#text.addEventListener("input", () => onTyping(this.#text.value.trim() !== ""));
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "ArrowUp" && this.#text.value === "") {
        event.preventDefault();
        editLast();
      }
      // An input method uses Enter to choose what it offers.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  open(conversationId: string): void {
    this.#drafts.set(this.#conversationId, this.#text.value);
    this.#conversationId = conversationId;
    this.#text.value = this.#drafts.get(conversationId) ?? "";
  }

  /** Of a message, in UTF-16 code units. */
  set maxLength(length: number) {
    this.#text.maxLength = length;
  }

  focus(): void {
    this.#text.focus();
  }

  clear(): void {
    this.#drafts.clear();
    this.#conversationId = "";
    this.#text.value = "";
  }
}
