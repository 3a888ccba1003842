import type { Role } from "@chatcluster/client";
import { byId, element, setChildren, setText } from "../element/dom.ts";
import { Modal } from "../element/modal.ts";
import { textOf } from "./chat.ts";
import { hueOf, idsIn, initials } from "./format.ts";
import type { Thread } from "./thread.ts";

/** What the dialog does with a group. Each rejects if the server refuses it. */
export interface GroupActions {
  rename(thread: Thread, title: string, signal: AbortSignal): Promise<void>;
  invite(thread: Thread, userIds: string[], signal: AbortSignal): Promise<void>;
  remove(thread: Thread, userId: string, signal: AbortSignal): Promise<void>;
  setRole(thread: Thread, userId: string, role: Role, signal: AbortSignal): Promise<void>;
  leaveGroup(thread: Thread, signal: AbortSignal): Promise<void>;
}

interface MemberRow {
  item: HTMLLIElement;
  role: HTMLElement;
  choice: HTMLSelectElement;
  remove: HTMLButtonElement;
}

const ROLES: readonly Role[] = ["owner", "admin", "member"];

/** The dialog of a group: who is in it and as what, its title, and the way out. Shows what the user may not do to nobody. */
export class GroupDialog {
  readonly #modal = new Modal(byId("group-dialog", HTMLDialogElement), byId("group-error", HTMLElement), textOf);
  readonly #members = byId("group-members", HTMLUListElement);
  readonly #name = byId("group-name", HTMLInputElement);
  readonly #people = byId("group-people", HTMLInputElement);
  readonly #status = byId("group-status", HTMLElement);
  readonly #actions: GroupActions;
  #rows = new Map<string, MemberRow>();
  #thread: Thread | undefined;

  constructor(actions: GroupActions) {
    this.#actions = actions;
    byId("group-close", HTMLButtonElement).addEventListener("click", () => this.close());
    byId("group-rename", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const title = this.#name.value.trim();
      if (title !== "" && title !== this.#thread?.title)
        void this.#run(`Renamed to ${title}`, (thread, signal) => actions.rename(thread, title, signal));
    });
    byId("group-invite", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const userIds = idsIn(this.#people.value);
      if (userIds.length > 0) void this.#invite(userIds);
    });
    byId("group-leave", HTMLButtonElement).addEventListener("click", () => {
      // What follows is told by `conversation_removed`, as if somebody else had done it.
      void this.#run("", (thread, signal) => actions.leaveGroup(thread, signal)).then((done) => done && this.close());
    });
  }

  show(thread: Thread): void {
    this.#thread = thread;
    this.#rows = new Map();
    this.#name.value = thread.title;
    this.#people.value = "";
    setText(this.#status, "");
    this.render();
    this.#modal.show();
  }

  close(): void {
    this.#modal.close();
  }

  /** To be called after each change of the thread; what has the focus keeps it. */
  render(): void {
    const thread = this.#thread;
    if (!thread) return;
    setText(byId("group-dialog-title", HTMLElement), thread.title);
    byId("group-rename", HTMLFormElement).hidden = !thread.mayManage;
    byId("group-invite", HTMLFormElement).hidden = !thread.mayManage;
    const rows = thread.members.map(({ userId, role }) => this.#row(thread, userId, role ?? "member"));
    setChildren(
      this.#members,
      rows.map(({ item }) => item),
    );
  }

  #row(thread: Thread, userId: string, role: Role): MemberRow {
    const row = this.#rows.get(userId) ?? this.#make(thread, userId);
    const choosing = thread.role === "owner";
    row.choice.hidden = !choosing;
    row.role.hidden = choosing;
    setText(row.role, role);
    if (row.choice.value !== role) row.choice.value = role;
    row.remove.hidden = !thread.mayRemove(userId);
    return row;
  }

  #make(thread: Thread, userId: string): MemberRow {
    const avatar = element(
      "span",
      { class: "avatar", "data-hue": hueOf(userId), "aria-hidden": "true" },
      initials(userId),
    );
    const name = element("span", { class: "member-name" }, userId === thread.me ? `${userId} (you)` : userId);
    const role = element("span", { class: "muted" });
    const choice = element(
      "select",
      { "aria-label": `Role of ${userId}` },
      ...ROLES.map((each) => element("option", { value: each }, each)),
    );
    choice.addEventListener("change", () => void this.#setRole(userId, choice.value as Role));
    const remove = element("button", { type: "button", class: "quiet", "aria-label": `Remove ${userId}` }, "Remove");
    remove.addEventListener("click", () => void this.#remove(userId));
    const row = { item: element("li", { class: "member" }, avatar, name, role, choice, remove), role, choice, remove };
    this.#rows.set(userId, row);
    return row;
  }

  async #invite(userIds: string[]): Promise<void> {
    const done = await this.#run(`Invited ${userIds.join(", ")}`, (thread, signal) =>
      this.#actions.invite(thread, userIds, signal),
    );
    if (done) this.#people.value = "";
  }

  async #setRole(userId: string, role: Role): Promise<void> {
    await this.#run(`${userId} is ${role} now`, (thread, signal) =>
      this.#actions.setRole(thread, userId, role, signal),
    );
    // Back to what it is, if it was refused.
    this.render();
  }

  async #remove(userId: string): Promise<void> {
    const { item } = this.#rows.get(userId) ?? {};
    const next = item?.nextElementSibling ?? item?.previousElementSibling;
    const done = await this.#run(`Removed ${userId}`, (thread, signal) => this.#actions.remove(thread, userId, signal));
    if (!done) return;
    // The row goes, and the focus with it.
    const target = next?.querySelector<HTMLElement>("button:not([hidden]), select:not([hidden])");
    (target ?? this.#people).focus();
  }

  async #run(told: string, work: (thread: Thread, signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const thread = this.#thread;
    if (!thread) return false;
    setText(this.#status, "");
    const done = await this.#modal.run((signal) => work(thread, signal));
    if (done) setText(this.#status, told);
    return done;
  }
}
