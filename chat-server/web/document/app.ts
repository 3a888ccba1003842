import type { ChatClient, ChatError, NewConversation } from "@chatcluster/client";
import { type LineState, textOf } from "../chat/chat.ts";
import type { Line } from "../chat/line.ts";
import { LineView } from "../chat/line-view.ts";
import { createPageClient } from "../chat/page-client.ts";
import { randomId } from "../chat/page-storage.ts";
import type { Account } from "../chat/sign-in.ts";
import { byId, setText } from "../element/dom.ts";
import { DocumentDatabase } from "./document-database.ts";
import { Editor, MAX_DOCUMENT_LENGTH } from "./editor.ts";
import { OpenDocument } from "./open-document.ts";
import { People } from "./people.ts";
import { PeopleView } from "./people-view.ts";
import { saveState } from "./save-state.ts";
import { StartView } from "./start-view.ts";

const NOTICE_MS = 8_000;
const TITLE = "Documents – ChatCluster";

interface Session {
  client: ChatClient;
  line: Line;
  database: DocumentDatabase;
  userId: string;
}

interface Opened {
  document: OpenDocument;
  people: People;
}

/** The page of somebody who has signed in: shows the document that the address names, or else the start. */
export class App {
  readonly #root = byId("app", HTMLElement);
  readonly #pane = byId("document", HTMLElement);
  readonly #announcer = byId("announcer", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #line = new LineView(() => this.#switchLine());
  readonly #start = new StartView((document) => this.#create(document));
  readonly #peopleView = new PeopleView();
  readonly #editor = new Editor(byId("editor", HTMLElement), () =>
    this.#tell(`Not put in: a document has at most ${MAX_DOCUMENT_LENGTH.toLocaleString()} characters`),
  );
  readonly #onSignedOut: (error?: string) => void;
  #session: Session | undefined;
  #opened: Opened | undefined;
  #lineState: LineState = { state: "connecting" };
  #announced = "";
  #renderDue = false;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param onSignedOut called when the session is over, with the reason if the user did not end it. */
  constructor(onSignedOut: (error?: string) => void) {
    this.#onSignedOut = onSignedOut;
    byId("sign-out", HTMLButtonElement).addEventListener("click", () => this.#session?.client.close());
    byId("copy-link", HTMLButtonElement).addEventListener("click", () => void this.#copyLink());
    window.addEventListener("hashchange", () => void this.#navigate());
    byId("home", HTMLAnchorElement).addEventListener("click", (event) => {
      event.preventDefault();
      location.hash = "";
    });
  }

  start({ token, userId }: Account): void {
    const { client, line } = createPageClient(token, userId);
    this.#session = { client, line, database: new DocumentDatabase(userId), userId };
    this.#root.hidden = false;
    this.#listen(client, line);
    this.#onLine({ state: "connecting" });
    // Why it did not come about is told by `closed`.
    client.connect().catch(() => undefined);
    void this.#navigate();
  }

  #listen(client: ChatClient, line: Line): void {
    client.on("connected", ({ serverId, transport, limits }) =>
      this.#onLine({ state: "online", serverId, transport, limits }),
    );
    client.on("disconnected", ({ retryInMs }) => {
      if (retryInMs !== undefined) this.#onLine({ state: line.isCut ? "offline" : "reconnecting" });
    });
    client.on("presence", (presence) => this.#opened?.people.onPresence(presence));
    client.on("error", (error) => {
      // While the line is down every attempt fails; the line's state tells that already.
      if (client.connected) this.#tell(error.message);
    });
    client.on("closed", ({ error }) => this.#end(error?.message));
  }

  #onLine(state: LineState): void {
    this.#lineState = state;
    this.#line.render(state);
    this.#changed();
  }

  #switchLine(): void {
    const { line } = this.#session ?? {};
    if (line?.isCut) {
      line.join();
      this.#onLine({ state: "reconnecting" });
    } else {
      line?.cut();
      this.#onLine({ state: "offline" });
    }
  }

  #end(error: string | undefined): void {
    this.#close();
    this.#session?.database.close();
    this.#session = undefined;
    this.#start.hide();
    this.#root.hidden = true;
    this.#onSignedOut(error);
  }

  /** Shows what the address names. */
  async #navigate(): Promise<void> {
    const session = this.#session;
    if (!session) return;
    const id = decodeURIComponent(location.hash.slice(1));
    if (this.#opened && this.#opened.document.id === id) return;
    this.#close();
    if (id === "") {
      document.title = TITLE;
      const known = await session.database.known().catch((error: unknown) => {
        this.#tell(`the documents of this browser are not readable: ${textOf(error)}`);
        return [];
      });
      if (session === this.#session && location.hash.length <= 1) this.#start.show(known);
    } else await this.#open(session, id);
  }

  async #open(session: Session, id: string): Promise<void> {
    this.#start.hide();
    const opened: Opened = {
      document: new OpenDocument(id, session.client, session.userId, session.database, {
        changed: () => this.#changed(),
        failed: (what, error) => this.#tell(`${what}: ${textOf(error)}`),
        membersChanged: () => void opened.people.refresh(),
        ended: (error) => this.#onEnded(opened, error),
      }),
      people: new People(id, session.client, session.userId, () => this.#changed()),
    };
    this.#opened = opened;
    this.#pane.hidden = false;
    this.#announced = "";
    try {
      await opened.document.open();
    } catch (error) {
      if (this.#opened !== opened) return;
      this.#tell(`the document can't be kept in this browser: ${textOf(error)}`);
    }
    if (this.#opened !== opened) return;
    this.#editor.open(opened.document.shared.text);
    this.#render();
    this.#editor.focus();
    void opened.people.refresh();
  }

  #close(): void {
    this.#opened?.document.close();
    this.#opened?.people.close();
    this.#opened = undefined;
    this.#editor.close();
    this.#pane.hidden = true;
    setText(this.#announcer, "");
  }

  #onEnded(opened: Opened, error: ChatError | undefined): void {
    if (this.#opened !== opened || !error || !this.#session) return;
    const isAway = error.code === "conversation_not_found" || error.code === "forbidden";
    this.#tell(isAway ? "There is no such document, or you may not read it." : `The document ended: ${error.message}`);
    // What was written stays on the screen, to be copied.
    if (opened.document.shared.text.length === 0) location.hash = "";
    this.#changed();
  }

  async #create(conversation: NewConversation): Promise<void> {
    const made = await this.#session?.client.createConversation({ clientId: randomId(), ...conversation });
    if (made) location.hash = made.id;
  }

  async #copyLink(): Promise<void> {
    try {
      // There in secure contexts only.
      await navigator.clipboard.writeText(location.href);
      this.#tell("The link is copied.");
    } catch {
      this.#tell(`The link is the address of this page: ${location.href}`);
    }
  }

  /** Joins the changes of a burst into one rendering. */
  #changed(): void {
    if (this.#renderDue) return;
    this.#renderDue = true;
    queueMicrotask(() => {
      this.#renderDue = false;
      this.#render();
    });
  }

  #render(): void {
    if (!this.#opened) return;
    const { title, mayPublish, shared } = this.#opened.document;
    const online = this.#lineState.state === "online";
    const shownTitle = title === "" ? "Document" : title;
    document.title = `${shownTitle} – ChatCluster`;
    setText(byId("document-title", HTMLElement), shownTitle);
    this.#editor.writable = mayPublish;
    const { kind, text } = saveState({ online, caughtUp: shared.caughtUp, mayPublish, unsent: shared.unsent });
    const state = byId("save-state", HTMLElement);
    state.dataset.kind = kind;
    setText(state, text);
    this.#announce(kind, text);
    this.#peopleView.render(this.#opened.people.list(shared.writers));
  }

  /** Not each saving, which comes with every word, but when something else begins. */
  #announce(kind: string, text: string): void {
    if (kind === "saving" || kind === "loading" || kind === this.#announced) return;
    if (this.#announced !== "" || kind !== "saved") setText(this.#announcer, text);
    this.#announced = kind;
  }

  #tell(text: string): void {
    setText(this.#notice, text);
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => setText(this.#notice, ""), NOTICE_MS);
  }
}
