import { byId, element, setText } from "../element/dom.ts";
import { changeText } from "./change-text.ts";
import { Chat, type LineState, textOf } from "./chat.ts";
import { Composer } from "./composer.ts";
import { ConversationList } from "./conversation-list.ts";
import { hueOf, initials } from "./format.ts";
import { GroupDialog } from "./group-dialog.ts";
import { LineView } from "./line-view.ts";
import { MessageDialog } from "./message-dialog.ts";
import { MessageList } from "./message-list.ts";
import { NewConversationDialog } from "./new-conversation.ts";
import { whoIsThere } from "./presence-text.ts";
import type { Account } from "./sign-in.ts";
import type { Entry, Thread } from "./thread.ts";

const NOTICE_MS = 6_000;
/** Announcements kept for screen readers; older ones have been read out. */
const ANNOUNCED = 5;

/** The page of somebody who has signed in: puts what the chat knows on the screen, and what the user does into the chat. */
export class App {
  readonly #root = byId("app", HTMLElement);
  readonly #pane = byId("thread", HTMLElement);
  readonly #announcer = byId("announcer", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #conversations = new ConversationList((thread) => this.#open(thread));
  readonly #messages = new MessageList(
    () => this.#loadEarlier(),
    (thread, entry) => this.#messageDialog.show(thread, entry),
  );
  readonly #composer = new Composer(
    (text) => this.#send(text),
    (active) => this.#current && this.#chat?.type(this.#current, active),
    () => this.#editLast(),
  );
  readonly #line = new LineView(() => this.#switchLine());
  readonly #dialog = new NewConversationDialog((conversation) => this.#create(conversation));
  readonly #messageDialog = new MessageDialog(
    {
      edit: (...args) => this.#session.edit(...args),
      delete: (...args) => this.#session.delete(...args),
    },
    () => this.#composer.focus(),
  );
  readonly #groupDialog = new GroupDialog({
    rename: (...args) => this.#session.rename(...args),
    invite: (...args) => this.#session.invite(...args),
    remove: (...args) => this.#session.remove(...args),
    setRole: (...args) => this.#session.setRole(...args),
    leaveGroup: (...args) => this.#session.leaveGroup(...args),
  });
  readonly #onSignedOut: (error?: string) => void;
  #chat: Chat | undefined;
  #current: Thread | undefined;
  #renderDue = false;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param onSignedOut called when the session is over, with the reason if the user did not end it. */
  constructor(onSignedOut: (error?: string) => void) {
    this.#onSignedOut = onSignedOut;
    byId("new-conversation", HTMLButtonElement).addEventListener("click", () => this.#dialog.show());
    byId("sign-out", HTMLButtonElement).addEventListener("click", () => this.#chat?.close());
    byId("group", HTMLButtonElement).addEventListener("click", () => {
      if (this.#current) this.#groupDialog.show(this.#current);
    });
    byId("back", HTMLButtonElement).addEventListener("click", () => this.#closeThread());
    this.#pane.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#closeThread();
    });
    byId("scroll", HTMLElement).addEventListener("scroll", () => this.#markRead());
    for (const name of ["focus", "visibilitychange"]) window.addEventListener(name, () => this.#markRead());
  }

  start({ token, userId }: Account): void {
    const chat = new Chat(token, userId, {
      onLine: (line) => this.#showLine(line),
      onChange: () => this.#changed(),
      onMessage: (thread, entry) => this.#announce(thread, entry),
      onConversationChange: (thread, change) => this.#say(changeText(thread, change)),
      onError: (text) => this.#tell(text),
      onClosed: (error) => this.#end(error?.message),
    });
    this.#chat = chat;
    this.#root.hidden = false;
    setText(byId("me-name", HTMLElement), userId);
    const avatar = byId("me-avatar", HTMLElement);
    avatar.dataset.hue = hueOf(userId);
    setText(avatar, initials(userId));
    this.#render();
    byId("new-conversation", HTMLButtonElement).focus();
    // Why it did not come about is told by `onClosed`.
    chat.start().catch(() => undefined);
  }

  #showLine(line: LineState): void {
    this.#line.render(line);
    if (line.state !== "online") return;
    for (const field of [this.#composer, this.#messageDialog]) field.maxLength = line.limits.textLength;
  }

  #end(error: string | undefined): void {
    this.#chat = undefined;
    this.#closeThread();
    for (const dialog of [this.#dialog, this.#messageDialog, this.#groupDialog]) dialog.close();
    this.#conversations.clear();
    this.#composer.clear();
    this.#announcer.replaceChildren();
    this.#root.hidden = true;
    this.#onSignedOut(error);
  }

  #open(thread: Thread): void {
    if (thread !== this.#current) {
      if (this.#current) this.#chat?.leave(this.#current);
      this.#current = thread;
      this.#chat?.open(thread);
      this.#messages.open(thread);
      this.#composer.open(thread.id);
    }
    this.#root.dataset.open = "";
    this.#render();
    // On a touch screen the keyboard would come up over what is to be read.
    if (matchMedia("(pointer: coarse)").matches) byId("scroll", HTMLElement).focus();
    else this.#composer.focus();
    if (!thread.loaded) void this.#loadEarlier();
    this.#markRead();
  }

  #closeThread(): void {
    const closed = this.#current;
    if (closed) this.#chat?.leave(closed);
    this.#current = undefined;
    delete this.#root.dataset.open;
    this.#render();
    if (closed) this.#conversations.focus(closed);
  }

  async #create(conversation: Parameters<Chat["create"]>[0]): Promise<void> {
    const thread = await this.#chat?.create(conversation);
    // The dialog gives the focus back when it closes, which is after this.
    if (thread) setTimeout(() => this.#open(thread));
  }

  /** The chat, where the page shows something that only a session has. */
  get #session(): Chat {
    if (!this.#chat) throw new Error("nobody is signed in");
    return this.#chat;
  }

  #editLast(): void {
    const thread = this.#current;
    const entry = thread?.entries.findLast((each) => thread.mayEdit(each));
    if (thread && entry) this.#messageDialog.show(thread, entry);
  }

  #send(text: string): void {
    if (!this.#current) return;
    this.#messages.scrollToEnd();
    this.#chat?.send(this.#current, text);
  }

  async #loadEarlier(): Promise<void> {
    const thread = this.#current;
    if (!thread) return;
    try {
      await this.#chat?.loadEarlier(thread);
      this.#markRead();
    } catch (error) {
      if (this.#chat) this.#tell(`messages not read: ${textOf(error)}`);
    }
  }

  #switchLine(): void {
    if (this.#chat?.line.isCut) this.#chat.comeBack();
    else this.#chat?.goOffline();
  }

  /** Seen is what is at the end of an open conversation in a page that has the user's attention. */
  #markRead(): void {
    if (!this.#current || !this.#messages.atEnd || document.visibilityState === "hidden" || !document.hasFocus())
      return;
    this.#chat?.markRead(this.#current);
  }

  /** Joins the changes of a burst into one rendering. */
  #changed(): void {
    if (this.#renderDue) return;
    this.#renderDue = true;
    // No animation frame: a hidden tab has none, and its title is to tell of new messages.
    queueMicrotask(() => {
      this.#renderDue = false;
      this.#render();
      this.#markRead();
    });
  }

  #render(): void {
    const threads = this.#chat?.sorted ?? [];
    if (this.#current && !threads.includes(this.#current)) {
      // The user is no member any more.
      this.#current = undefined;
      delete this.#root.dataset.open;
      this.#messageDialog.close();
      this.#groupDialog.close();
      byId("new-conversation", HTMLButtonElement).focus();
    }
    const current = this.#current;
    this.#conversations.render(threads, current);
    const unread = threads.filter((thread) => thread.unread.length > 0).length;
    document.title = unread > 0 ? `(${unread}) ChatCluster` : "ChatCluster";
    byId("nothing-open", HTMLElement).hidden = current !== undefined;
    this.#pane.hidden = current === undefined;
    if (!current) return;
    setText(byId("thread-title", HTMLElement), current.title);
    setText(byId("thread-members", HTMLElement), whoIsThere(current, this.#chat?.presences ?? new Map()));
    const avatar = byId("thread-avatar", HTMLElement);
    avatar.dataset.hue = hueOf(current.title);
    setText(avatar, current.direct ? initials(current.title) : "#");
    byId("group", HTMLButtonElement).hidden = current.direct;
    this.#messages.render();
    this.#groupDialog.render();
  }

  #announce(thread: Thread, { senderId, text }: Entry): void {
    const where = thread.direct ? "" : ` in ${thread.title}`;
    this.#say(`${senderId}${where}: ${text}`);
  }

  /** For screen readers. */
  #say(text: string): void {
    this.#announcer.append(element("p", {}, text));
    while (this.#announcer.childElementCount > ANNOUNCED) this.#announcer.firstElementChild?.remove();
  }

  #tell(text: string): void {
    setText(this.#notice, text);
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => setText(this.#notice, ""), NOTICE_MS);
  }
}
