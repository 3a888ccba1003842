import type { NewConversation } from "@chatcluster/client";
import { textOf } from "../chat/chat.ts";
import { shortTime } from "../chat/format.ts";
import { byId, element, setChildren, setText } from "../element/dom.ts";
import type { KnownDocument } from "./document-database.ts";

/** What is there while no document is open: the form for a new one, and those that were open before. */
export class StartView {
  readonly #root = byId("start", HTMLElement);
  readonly #form = byId("new-document", HTMLFormElement);
  readonly #title = byId("title", HTMLInputElement);
  readonly #people = byId("people", HTMLInputElement);
  readonly #error = byId("new-error", HTMLElement);
  #creating = false;

  /** @param create rejects if there can be no such document. */
  constructor(create: (document: NewConversation) => Promise<void>) {
    this.#form.addEventListener("change", () => this.#showFields());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(create);
    });
  }

  show(known: readonly KnownDocument[]): void {
    this.#root.hidden = false;
    this.#form.reset();
    this.#showFields();
    setText(this.#error, "");
    const rows = known.map(({ id, title, openedAt }) =>
      element(
        "li",
        {},
        element("a", { href: `#${id}` }, title),
        element("span", { class: "muted" }, shortTime(openedAt)),
      ),
    );
    setChildren(byId("known", HTMLElement), rows);
    byId("none-known", HTMLElement).hidden = rows.length > 0;
    this.#title.focus();
  }

  hide(): void {
    this.#root.hidden = true;
  }

  get #right() {
    const value = (name: string) => (new FormData(this.#form).get(name) === "members" ? "members" : "anyone");
    const publish = value("publish");
    return { publish, subscribe: publish === "anyone" ? "anyone" : value("subscribe") } as const;
  }

  #showFields(): void {
    const open = this.#right.publish === "anyone";
    byId("readers", HTMLElement).hidden = open;
    byId("people-field", HTMLElement).hidden = open;
  }

  async #submit(create: (document: NewConversation) => Promise<void>): Promise<void> {
    if (this.#creating) return;
    this.#creating = true;
    setText(this.#error, "");
    const rights = this.#right;
    const named = rights.publish === "anyone" ? "" : this.#people.value;
    const memberIds = [...new Set(named.split(/[\s,]+/).filter((userId) => userId !== ""))];
    try {
      await create({ kind: "live", title: this.#title.value.trim(), memberIds, rights });
    } catch (error) {
      setText(this.#error, textOf(error));
    } finally {
      this.#creating = false;
    }
  }
}
