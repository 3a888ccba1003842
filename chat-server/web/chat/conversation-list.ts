import { byId, element, setAttribute, setChildren, setText } from "../element/dom.ts";
import { countText, hueOf, initials, shortTime } from "./format.ts";
import { DELETED, type Thread } from "./thread.ts";

interface Row {
  item: HTMLLIElement;
  button: HTMLButtonElement;
  title: HTMLElement;
  preview: HTMLElement;
  time: HTMLElement;
  unread: HTMLElement;
}

/** The list of conversations, newest first, with what was said last and how much is unread. */
export class ConversationList {
  readonly #list = byId("conversations", HTMLUListElement);
  readonly #empty = byId("no-conversations", HTMLElement);
  readonly #rows = new Map<string, Row>();
  readonly #open: (thread: Thread) => void;

  constructor(open: (thread: Thread) => void) {
    this.#open = open;
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
  }

  render(threads: readonly Thread[], current: Thread | undefined): void {
    const rows = threads.map((thread) => this.#render(thread, thread === current));
    setChildren(
      this.#list,
      rows.map(({ item }) => item),
    );
    this.#list.hidden = threads.length === 0;
    this.#empty.hidden = threads.length > 0;
  }

  clear(): void {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  focus(thread: Thread): void {
    this.#rows.get(thread.id)?.button.focus();
  }

  #render(thread: Thread, current: boolean): Row {
    const row = this.#rows.get(thread.id) ?? this.#make(thread);
    const { last } = thread;
    const unread = thread.unread.length;
    setAttribute(row.button, "aria-current", current ? "true" : undefined);
    setText(row.title, thread.title);
    setText(row.preview, last ? `${previewName(thread)}${last.deleted ? DELETED : last.text}` : "No messages yet");
    setText(row.time, last ? shortTime(last.at) : "");
    setText(row.unread, unread > 0 ? countText(unread) : "");
    setAttribute(row.unread, "aria-label", unread > 0 ? `${countText(unread)} unread` : undefined);
    row.unread.hidden = unread === 0;
    return row;
  }

  #make(thread: Thread): Row {
    const title = element("span", { class: "row-title" });
    const preview = element("span", { class: "row-preview" });
    const time = element("span", { class: "row-time" });
    const unread = element("span", { class: "badge", role: "img" });
    const avatar = element("span", { class: "avatar", "data-hue": hueOf(thread.title), "aria-hidden": "true" });
    avatar.append(thread.direct ? initials(thread.title) : "#");
    const button = element("button", { type: "button", class: "row" }, avatar, title, time, preview, unread);
    button.addEventListener("click", () => this.#open(thread));
    const row = { item: element("li", {}, button), button, title, preview, time, unread };
    this.#rows.set(thread.id, row);
    return row;
  }

  /** Arrow keys go through the list, as people expect of one; Tab does too. */
  #onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const buttons = [...this.#list.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(event.target as HTMLButtonElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

function previewName(thread: Thread): string {
  const { last } = thread;
  if (!last) return "";
  if (thread.isMine(last)) return "You: ";
  return thread.direct ? "" : `${last.senderId}: `;
}
