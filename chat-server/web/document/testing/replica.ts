import { setImmediate } from "node:timers/promises";
import { until } from "@chatcluster/foundation/until";
import * as Y from "yjs";
import type { DocumentMessage } from "../part-assembler.ts";
import { SharedDocument, type SharedDocumentOptions } from "../shared-document.ts";
import { MemoryDocumentStore } from "./memory-document-store.ts";

/** A conversation in memory: its messages in their order. */
export interface Conversation {
  readonly messages: Required<DocumentMessage>[];
  /** All edits of all replicas, as they were made. */
  readonly expected: Y.Doc;
  store(senderId: string, data: Uint8Array): { messageId: string; sentAt: number };
}

export function createConversation(): Conversation {
  const messages: Required<DocumentMessage>[] = [];
  return {
    messages,
    expected: new Y.Doc(),
    store(senderId, data) {
      const id = `01${String(messages.length + 1).padStart(24, "0")}`;
      const sentAt = messages.length + 1;
      messages.push({ id, senderId, sentAt, data: data.slice() });
      return { messageId: id, sentAt };
    },
  };
}

interface Outgoing {
  data: Uint8Array;
  resolve(stored: { messageId: string; sentAt: number }): void;
}

const PAGE = 7;

/** One user's page: a document whose connection, outbox and browser are in the hands of the test. */
export class Replica {
  readonly userId: string;
  readonly failures: string[] = [];
  /** The server refuses what is published, for good. */
  refuses = false;
  pagesRead = 0;
  readonly #conversation: Conversation;
  readonly #store = new MemoryDocumentStore();
  readonly #options: Partial<SharedDocumentOptions>;
  /** Outlives the page, as the outbox in IndexedDB does. */
  #outbox: Outgoing[] = [];
  #document: SharedDocument | undefined;
  /** Of the conversation's messages, how many have been delivered. */
  #position = 0;
  #connected = false;
  #subscribed = false;

  private constructor(conversation: Conversation, userId: string, options: Partial<SharedDocumentOptions>) {
    this.#conversation = conversation;
    this.userId = userId;
    this.#options = options;
  }

  static async open(conversation: Conversation, userId: string, options: Partial<SharedDocumentOptions> = {}) {
    const replica = new Replica(conversation, userId, options);
    await replica.#load();
    return replica;
  }

  get document(): SharedDocument {
    if (!this.#document) throw new Error("not open");
    return this.#document;
  }

  /** Messages in the outbox. */
  get waiting(): number {
    return this.#outbox.length;
  }

  get isIdle(): boolean {
    const { unsent, caughtUp } = this.document;
    const hasAll = this.#position === this.#conversation.messages.length;
    return unsent === 0 && caughtUp && this.waiting === 0 && hasAll;
  }

  /** Gives the next messages, if there is a connection. */
  deliver(count: number): void {
    if (!this.#connected) return;
    const end = Math.min(this.#conversation.messages.length, this.#position + count);
    for (const message of this.#conversation.messages.slice(this.#position, end)) this.document.receive(message);
    this.#position = end;
  }

  /** Lets the first messages of the outbox reach the server, if there is a connection. */
  send(count: number): void {
    if (!this.#connected) return;
    for (const { data, resolve } of this.#outbox.splice(0, count)) resolve(this.#conversation.store(this.userId, data));
  }

  cut(): void {
    this.#connected = false;
  }

  /** Connects. @param recovered whether the server still has what was missed; else it is passed over, and read from the history. */
  join(recovered: boolean): void {
    if (this.#connected) return;
    this.#connected = true;
    const known = this.#subscribed && recovered;
    this.#subscribed = true;
    this.document.writable = true;
    if (known) return;
    this.#position = this.#conversation.messages.length;
    void this.document.catchUp();
  }

  /** Another page comes in the place of this one. @param lostAnswers the server has stored what is in the outbox, but nobody heard. */
  async reload(lostAnswers: boolean): Promise<void> {
    this.document.close();
    if (lostAnswers) for (const { data } of this.#outbox.splice(0)) this.#conversation.store(this.userId, data);
    // Whoever waited for an answer is gone.
    this.#outbox = this.#outbox.map(({ data }) => ({ data, resolve: () => undefined }));
    this.#connected = false;
    this.#subscribed = false;
    await this.#load();
  }

  /** Lets everything happen that waits for nothing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await setImmediate();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    await until(condition, what, 5_000, { every: 2 });
  }

  async #load(): Promise<void> {
    const document = new SharedDocument({
      userId: this.userId,
      channel: {
        publish: (data) =>
          this.refuses
            ? Promise.reject(new Error("forbidden"))
            : new Promise((resolve) => this.#outbox.push({ data, resolve })),
        history: (before) => this.#history(before),
      },
      store: this.#store,
      hooks: {
        changed: () => undefined,
        failed: (what, error) => this.failures.push(`${what}: ${error}`),
        isFinal: () => true,
      },
      publishEveryMs: 0,
      snapshotEvery: 12,
      maxMessageBytes: 120,
      ...this.#options,
    });
    await document.open();
    document.doc.on("update", (update: Uint8Array) => Y.applyUpdate(this.#conversation.expected, update));
    this.#document = document;
  }

  async #history(before: string | undefined) {
    this.pagesRead++;
    await setImmediate();
    const all = this.#conversation.messages.filter(({ id }) => before === undefined || id < before);
    return { messages: all.slice(-PAGE).reverse(), more: all.length > PAGE };
  }
}
