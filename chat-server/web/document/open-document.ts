import { type ChatClient, ChatError, type Message, type Subscription } from "@chatcluster/client";
import { randomId } from "../chat/page-storage.ts";
import type { DocumentDatabase, KnownDocument } from "./document-database.ts";
import { type DocumentChannel, SharedDocument } from "./shared-document.ts";

export interface OpenDocumentHooks {
  changed(): void;
  failed(what: string, error: unknown): void;
  /** Members may be others than before. */
  membersChanged(): void;
  /** The user may not read it (any more), or the session is over. */
  ended(error: ChatError | undefined): void;
}

/** A document on its live conversation: `SharedDocument` says what is done with the messages, this one where they come from and go to. */
export class OpenDocument {
  readonly id: string;
  readonly shared: SharedDocument;
  title = "";
  /** As the server said last; what it said in an earlier life of the page until it has. */
  mayPublish = false;
  readonly #client: ChatClient;
  readonly #database: DocumentDatabase;
  readonly #hooks: OpenDocumentHooks;
  #subscription: Subscription | undefined;
  #isRenewing = false;
  #closed = false;

  constructor(id: string, client: ChatClient, userId: string, database: DocumentDatabase, hooks: OpenDocumentHooks) {
    this.id = id;
    this.#client = client;
    this.#database = database;
    this.#hooks = hooks;
    this.shared = new SharedDocument({
      userId,
      channel: channelOf(client, id),
      store: database.store(id),
      hooks: {
        changed: () => hooks.changed(),
        failed: (what, error) => this.#onFailed(what, error),
        isFinal: isRefusal,
      },
    });
  }

  /** What the browser has kept is there when this resolves; what the server has comes when it can be reached. */
  async open(): Promise<void> {
    const known = (await this.#database.known()).find(({ id }) => id === this.id);
    await this.shared.open();
    if (this.#closed) return;
    if (known) {
      this.title = known.title;
      this.mayPublish = known.mayPublish;
    }
    this.shared.writable = this.mayPublish;
    this.#subscribe();
  }

  close(): void {
    this.#closed = true;
    this.#subscription?.unsubscribe();
    this.shared.close();
  }

  #subscribe(): void {
    const from = this.#subscription?.bookmark ?? "now";
    this.#subscription?.unsubscribe();
    const subscription = this.#client.subscribe(this.id, { from, missed: "skip" });
    this.#subscription = subscription;
    let mustReadBack = from === "now";
    let mustRenew = false;
    subscription.on("subscribed", ({ title, mayPublish }) => this.#onSubscribed({ title, mayPublish }));
    subscription.on("message", (message) => this.shared.receive(message));
    subscription.on("skipped", () => {
      mustReadBack = true;
      // Rights may have changed in what was passed over, and they are told when a subscription begins.
      mustRenew = true;
    });
    subscription.on("caught_up", () => {
      if (mustReadBack) void this.shared.catchUp();
      mustReadBack = false;
      if (mustRenew) this.#renew();
      mustRenew = false;
    });
    subscription.on("changed", ({ type }) => {
      if (type === "renamed") this.#onSubscribed(subscription);
      if (type === "members_changed" || type === "rights_changed") this.#renew();
      if (type === "members_changed") this.#hooks.membersChanged();
    });
    subscription.on("ended", ({ error }) => {
      if (subscription !== this.#subscription || this.#closed || this.#isRenewing) return;
      this.mayPublish = false;
      this.shared.writable = false;
      this.#hooks.ended(error);
    });
  }

  /** Subscribes anew, from where it is, to be told what the user may do now. Later, for this is called from within an event. */
  #renew(): void {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    setTimeout(() => {
      if (!this.#closed) this.#subscribe();
      this.#isRenewing = false;
    });
  }

  #onSubscribed({ title, mayPublish }: Pick<KnownDocument, "title" | "mayPublish">): void {
    this.title = title;
    this.mayPublish = mayPublish;
    this.shared.writable = mayPublish;
    this.#hooks.changed();
    this.#database
      .note({ id: this.id, title, mayPublish, openedAt: Date.now() })
      .catch((error: unknown) => this.#hooks.failed("the document is not noted in this browser", error));
  }

  #onFailed(what: string, error: unknown): void {
    if (isRefusal(error)) {
      this.mayPublish = false;
      this.#hooks.changed();
    }
    this.#hooks.failed(what, error);
  }
}

function channelOf(client: ChatClient, id: string): DocumentChannel {
  return {
    publish: (data) => client.publish(id, data, { clientId: randomId() }),
    history: async (before) => {
      const { messages, more } = await client.fetchHistory(id, {
        limit: 100,
        ...(before === undefined ? {} : { before }),
      });
      return { messages: messages satisfies Message[], more };
    },
  };
}

const isRefusal = (error: unknown) =>
  error instanceof ChatError && ["forbidden", "conversation_not_found", "closed"].includes(error.code);
