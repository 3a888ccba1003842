import { byId, element, setAttribute, setChildren, setText } from "../element/dom.ts";
import { dayName, hueOf, timeOfDay } from "./format.ts";
import { DELETED, type Entry, type Mark, type Thread } from "./thread.ts";

const MARKS: Readonly<Record<Mark, { sign: string; label: string }>> = {
  waiting: { sign: "◷", label: "waiting to be sent" },
  failed: { sign: "!", label: "not sent" },
  sent: { sign: "✓", label: "sent" },
  delivered: { sign: "✓✓", label: "delivered" },
  read: { sign: "✓✓", label: "read" },
};
/** Messages of one person within this time stand together, in milliseconds. */
const TOGETHER_MS = 5 * 60_000;
/** So far from the end, in pixels, a reader is taken to be at the end. */
const NEAR_END = 80;

interface Bubble {
  item: HTMLLIElement;
  actions: HTMLButtonElement;
  text: HTMLElement;
  edited: HTMLElement;
  time: HTMLElement;
  mark: HTMLElement;
}

/** The messages of the conversation that is open. It follows the end while the reader is there, and else leaves the reader in peace. */
export class MessageList {
  readonly #scroll = byId("scroll", HTMLElement);
  readonly #list = byId("messages", HTMLOListElement);
  readonly #earlier = byId("earlier", HTMLButtonElement);
  readonly #toEnd = byId("to-end", HTMLButtonElement);
  readonly #onActions: (thread: Thread, entry: Entry) => void;
  #bubbles = new Map<string, Bubble>();
  #separators = new Map<string, HTMLLIElement>();
  #thread: Thread | undefined;
  /** The oldest message that was unread when the conversation was opened. */
  #firstUnread: string | undefined;
  #following = true;

  /** @param onActions called when the user wants to do something with a message. */
  constructor(onEarlier: () => Promise<void>, onActions: (thread: Thread, entry: Entry) => void) {
    this.#onActions = onActions;
    this.#earlier.addEventListener("click", () => {
      this.#earlier.disabled = true;
      void onEarlier().finally(() => {
        this.#earlier.disabled = false;
        this.#scroll.focus();
      });
    });
    this.#toEnd.addEventListener("click", () => this.scrollToEnd());
    this.#scroll.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
      this.#following = scrollHeight - clientHeight - scrollTop < NEAR_END;
      if (this.#following) this.#toEnd.hidden = true;
    });
    // So that the keyboard can scroll it, in browsers which don't see to that themselves.
    this.#scroll.tabIndex = 0;
    new ResizeObserver(() => this.#following && this.scrollToEnd()).observe(this.#scroll);
  }

  /** The reader sees the newest message. */
  get atEnd(): boolean {
    return this.#following;
  }

  open(thread: Thread): void {
    this.#thread = thread;
    this.#bubbles = new Map();
    this.#separators = new Map();
    this.#list.replaceChildren();
    this.#firstUnread = thread.unread[0]?.key;
    this.#following = true;
    this.#toEnd.hidden = true;
  }

  scrollToEnd(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#following = true;
    this.#toEnd.hidden = true;
  }

  render(): void {
    const thread = this.#thread;
    if (!thread) return;
    const { scrollHeight, scrollTop } = this.#scroll;
    const firstBefore = this.#list.querySelector(".message");
    const newestBefore = this.#list.lastElementChild;
    setChildren(this.#list, this.#items(thread));
    this.#earlier.hidden = !(thread.loaded && thread.more);
    if (this.#following) this.scrollToEnd();
    else if (firstBefore !== this.#list.querySelector(".message"))
      // Older ones came above: what was being read stays where it was.
      this.#scroll.scrollTop = scrollTop + this.#scroll.scrollHeight - scrollHeight;
    else if (newestBefore !== this.#list.lastElementChild) this.#toEnd.hidden = false;
  }

  #items(thread: Thread): HTMLElement[] {
    const items: HTMLElement[] = [];
    let before: Entry | undefined;
    for (const entry of thread.entries) {
      const day = dayName(entry.at);
      const newDay = before === undefined || dayName(before.at) !== day;
      if (newDay) items.push(this.#separator(`day ${day}`, "day", day));
      const unread = entry.key === this.#firstUnread;
      if (unread) items.push(this.#separator("unread", "unread", "New"));
      const joined = !newDay && !unread && before?.senderId === entry.senderId && entry.at - before.at < TOGETHER_MS;
      items.push(this.#bubble(thread, entry, joined));
      before = entry;
    }
    return items;
  }

  #separator(key: string, kind: string, text: string): HTMLLIElement {
    const made = this.#separators.get(key) ?? element("li", { class: `separator ${kind}` }, element("span", {}, text));
    this.#separators.set(key, made);
    return made;
  }

  #bubble(thread: Thread, entry: Entry, joined: boolean): HTMLLIElement {
    const bubble = this.#bubbles.get(entry.key) ?? this.#make(thread, entry);
    setAttribute(bubble.item, "data-joined", joined);
    setText(bubble.time, timeOfDay(entry.at));
    setText(bubble.text, entry.deleted ? DELETED : entry.text);
    setAttribute(bubble.text, "data-deleted", entry.deleted);
    bubble.edited.hidden = !entry.edited || entry.deleted === true;
    bubble.actions.hidden = !thread.mayDelete(entry);
    setAttribute(bubble.actions, "aria-label", `${thread.mayEdit(entry) ? "Edit or delete" : "Delete"}: ${entry.text}`);
    if (!thread.isMine(entry)) return bubble.item;
    const mark = thread.markOf(entry);
    const { sign, label } = MARKS[mark];
    setText(bubble.mark, sign);
    setAttribute(bubble.mark, "aria-label", label);
    setAttribute(bubble.mark, "title", entry.failure === undefined ? label : `${label}: ${entry.failure}`);
    setAttribute(bubble.mark, "data-mark", mark);
    return bubble.item;
  }

  #make(thread: Thread, entry: Entry): Bubble {
    const mine = thread.isMine(entry);
    const name = mine ? "You" : entry.senderId;
    const hidden = mine || thread.direct ? " visually-hidden" : "";
    const time = element("time", { datetime: new Date(entry.at).toISOString() });
    const mark = element("span", { class: "mark", role: "img", "aria-label": "" });
    const edited = element("span", { class: "edited" }, "edited");
    const meta = element("span", { class: "meta" }, edited, time, ...(mine ? [mark] : []));
    const text = element("span", { class: "text", dir: "auto" });
    const sender = element("span", { class: `sender${hidden}`, "data-hue": hueOf(entry.senderId) }, name);
    const body = element("div", { class: "bubble" }, sender, text, meta);
    const actions = element("button", { type: "button", class: "actions-button", "aria-haspopup": "dialog" }, "⋯");
    // The entry as it is then: it has been acknowledged, or edited, since.
    actions.addEventListener("click", () => {
      const current = thread.entries.find(({ key }) => key === entry.key);
      if (current) this.#onActions(thread, current);
    });
    const item = element("li", { class: `message ${mine ? "mine" : "theirs"}` }, body, actions);
    const bubble = { item, actions, text, edited, time, mark };
    this.#bubbles.set(entry.key, bubble);
    return bubble;
  }
}
