import { MAX_DATA_BYTES } from "@chatcluster/protocol/limits";
import * as Y from "yjs";
import { decodePart, decodeSnapshot, encodeRecord, encodeSnapshot, RecordKind } from "./document-message.ts";
import type { DocumentStore, StoredUpdate } from "./document-store.ts";
import { type DocumentMessage, PartAssembler, RECORD_LIFETIME_MS, type WholeRecord } from "./part-assembler.ts";

/** The conversation that carries a document. */
export interface DocumentChannel {
  /** Resolves when the server has stored it. Messages are stored in the order of the calls. */
  publish(data: Uint8Array): Promise<{ messageId: string; sentAt: number }>;
  /** A page of messages, newest first: the newest of all, or those before one. */
  history(before: string | undefined): Promise<{ messages: readonly DocumentMessage[]; more: boolean }>;
}

export interface SharedDocumentHooks {
  /** The state (not the text, which says so itself) is not as it was. */
  changed(): void;
  failed(what: string, error: unknown): void;
  /** Whether the error of a `publish` is the last word, as after the right to write is gone. */
  isFinal(error: unknown): boolean;
}

export interface SharedDocumentOptions {
  userId: string;
  channel: DocumentChannel;
  store: DocumentStore;
  hooks: SharedDocumentHooks;
  /** Milliseconds from one message of edits to the next [250]. */
  publishEveryMs?: number;
  /** Messages after which a snapshot is written [100: a page of history]. */
  snapshotEvery?: number;
  /** Bytes of one message [what the protocol allows]. */
  maxMessageBytes?: number;
}

interface Edit {
  readonly update: Uint8Array;
  /** Undefined if it could not be stored. */
  readonly key: Promise<number | undefined>;
}

/** What was read of the history. */
interface Reading {
  updates: Uint8Array[];
  /** This message and those before it are known, or in a snapshot that has been read. */
  floor: string;
  hasSnapshot: boolean;
}

/** Origins of Yjs transactions that are not the user's edits. */
const REMOTE = Symbol("remote");
const STORED = Symbol("stored");

const SAVE_AFTER_MS = 300;
const RETRY_MS = 2_000;
/** Stored updates that are joined into one when the document is opened. */
const COMPACT_FROM = 50;

/**
 * A text that several people edit at once, on a conversation whose messages are Yjs updates. Those commute and may be applied twice, so what is left
 * to do is that none is missed: edits stay in the store until they are acknowledged, and a reader goes back in the history to what it
 * has, or to a snapshot.
 */
export class SharedDocument {
  readonly doc = new Y.Doc();
  readonly text = this.doc.getText("text");
  /** When each user's last edit was stored, in milliseconds since 1970, as far as it has been read. */
  readonly writers = new Map<string, number>();
  readonly #options: Required<SharedDocumentOptions>;
  readonly #assembler = new PartAssembler();
  #unsent: Edit[] = [];
  #underWay: Edit[] = [];
  #received: Uint8Array[] = [];
  /** All messages up to this one are in the document, none of them waiting for another part of its record. */
  #seenUpTo = "";
  #newestLive = "";
  #now = 0;
  #reading = 0;
  #caughtUp = false;
  /** Messages of edits that came after what the newest snapshot holds; rather too many than too few. */
  #sinceSnapshot = 0;
  #snapshotParts = 0;
  #writingSnapshot = false;
  #writable = false;
  #closed = false;
  #publishedAt = Number.NEGATIVE_INFINITY;
  #publishTimer: ReturnType<typeof setTimeout> | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SharedDocumentOptions) {
    this.#options = { publishEveryMs: 250, snapshotEvery: 100, maxMessageBytes: MAX_DATA_BYTES, ...options };
  }

  /** Edits that the server has not acknowledged. */
  get unsent(): number {
    return this.#unsent.length + this.#underWay.length;
  }

  /** Whether all that the server had when it was asked last is here. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Takes up what the browser has kept. To be awaited before all else. */
  async open(): Promise<void> {
    const { saved, unsent, seenUpTo, sinceSnapshot } = await this.#options.store.load();
    const updates = [...saved, ...unsent].map(({ update }) => update);
    if (updates.length > 0) Y.applyUpdate(this.doc, Y.mergeUpdates(updates), STORED);
    this.#unsent = unsent.map(({ key, update }) => ({ update, key: Promise.resolve(key) }));
    this.#seenUpTo = seenUpTo;
    this.#sinceSnapshot = sinceSnapshot;
    this.doc.on("update", (update: Uint8Array, origin: unknown) => this.#onUpdate(update, origin));
    if (saved.length >= COMPACT_FROM) await this.#compact(saved);
  }

  /** Whether the user may publish. */
  set writable(writable: boolean) {
    this.#writable = writable;
    this.#schedulePublish();
  }

  /** Called when the subscription is there, and whenever messages were passed over: reads the history, back to what is known or in a snapshot. */
  async catchUp(): Promise<void> {
    const run = ++this.#reading;
    this.#caughtUp = false;
    this.#newestLive = "";
    const countedBefore = this.#sinceSnapshot;
    this.#options.hooks.changed();
    try {
      const read = await this.#readBack(() => run !== this.#reading);
      if (!read) return;
      this.#apply(read.updates);
      if (read.hasSnapshot) this.#sinceSnapshot = Math.max(0, this.#sinceSnapshot - countedBefore);
      this.#caughtUp = true;
      // What was read may lack a message that was being stored just then; what came live may not.
      this.#advance(this.#newestLive);
      this.#scheduleSave();
      this.#options.hooks.changed();
    } catch (error) {
      if (run === this.#reading) this.#options.hooks.failed("the document was not read", error);
    }
  }

  /** A message has come: to be called in the conversation's order. */
  receive(message: DocumentMessage): void {
    const record = this.#take(message);
    if (record?.kind === RecordKind.Update) this.#apply([record.payload]);
    // There is nothing in it that has not come before, or is in what is being read.
    else if (record && snapshotOf(record, message)) this.#sinceSnapshot = 0;
    this.#newestLive = message.id;
    if (this.#caughtUp) this.#advance(message.id);
    this.#scheduleSave();
    // One writes it, not all: who wrote the message that made it due.
    if (message.senderId === this.#options.userId && this.#isSnapshotDue()) void this.writeSnapshot();
    this.#options.hooks.changed();
  }

  /** Publishes all that is in the document, so that readers need not go back further. Others may do so at the same time. */
  async writeSnapshot(): Promise<void> {
    if (!this.#writable || this.#writingSnapshot || !this.#caughtUp || this.#seenUpTo === "") return;
    this.#writingSnapshot = true;
    try {
      const payload = encodeSnapshot(this.#seenUpTo, Y.encodeStateAsUpdate(this.doc));
      const messages = encodeRecord(RecordKind.Snapshot, payload, this.#options.maxMessageBytes);
      await Promise.all(messages.map((message) => this.#options.channel.publish(message)));
    } catch (error) {
      // The next message of one's own, or another writer, makes up for it.
      if (!this.#closed) this.#options.hooks.failed("no snapshot was written", error);
    } finally {
      this.#writingSnapshot = false;
    }
  }

  /** What was not sent is in the store. */
  close(): void {
    this.#closed = true;
    this.#reading++;
    clearTimeout(this.#publishTimer);
    this.#save();
    this.doc.destroy();
  }

  #onUpdate(update: Uint8Array, origin: unknown): void {
    if (origin === REMOTE || origin === STORED) return;
    const key = this.#options.store.addEdit(update).catch((error: unknown) => {
      this.#options.hooks.failed("an edit is not kept in this browser until it is sent", error);
      return undefined;
    });
    this.#unsent.push({ update, key });
    this.#schedulePublish();
    this.#options.hooks.changed();
  }

  /** The first edit leaves at once; what follows soon after is joined into one message, and so is all that is done while one is under way. */
  #schedulePublish(): void {
    if (this.#closed || !this.#writable || this.#underWay.length > 0 || this.#unsent.length === 0) return;
    clearTimeout(this.#publishTimer);
    const wait = this.#publishedAt + this.#options.publishEveryMs - performance.now();
    if (wait <= 0) void this.#publish();
    else this.#publishTimer = setTimeout(() => void this.#publish(), wait);
  }

  async #publish(): Promise<void> {
    if (this.#closed || !this.#writable || this.#underWay.length > 0) return;
    const { channel, hooks, maxMessageBytes } = this.#options;
    this.#publishedAt = performance.now();
    this.#underWay = this.#unsent;
    this.#unsent = [];
    const merged = Y.mergeUpdates(this.#underWay.map(({ update }) => update));
    try {
      const update = merged.length < maxMessageBytes / 2 ? merged : withoutDeleted(merged, this.doc);
      const messages = encodeRecord(RecordKind.Update, update, maxMessageBytes);
      const stored = await Promise.all(messages.map((message) => channel.publish(message)));
      const times = stored.map(({ sentAt }) => sentAt);
      if (Math.max(...times) - Math.min(...times) <= RECORD_LIFETIME_MS) await this.#onSaved(this.#underWay, merged);
      else this.#unsent.unshift(...this.#underWay);
      this.#underWay = [];
      this.#schedulePublish();
    } catch (error) {
      this.#unsent.unshift(...this.#underWay);
      this.#underWay = [];
      if (this.#closed) return;
      hooks.failed("edits were not sent", error);
      if (hooks.isFinal(error)) this.#writable = false;
      else this.#publishTimer = setTimeout(() => this.#schedulePublish(), RETRY_MS);
    } finally {
      if (!this.#closed) hooks.changed();
    }
  }

  async #onSaved(edits: readonly Edit[], merged: Uint8Array): Promise<void> {
    const keys = await Promise.all(edits.map(({ key }) => key));
    try {
      await this.#options.store.replace(
        keys.filter((key) => key !== undefined),
        merged,
      );
    } catch (error) {
      // They are sent once more by the next page, which changes nothing.
      this.#options.hooks.failed("what was sent is still noted as unsent in this browser", error);
    }
  }

  /** @param isOutdated whether another reading has begun. */
  async #readBack(isOutdated: () => boolean): Promise<Reading | undefined> {
    const reading: Reading = { updates: [], floor: this.#seenUpTo, hasSnapshot: false };
    for (let before: string | undefined; ; ) {
      const { messages, more } = await this.#options.channel.history(before);
      if (isOutdated()) return undefined;
      for (const message of messages) {
        if (message.id <= reading.floor) return reading;
        this.#readOne(message, reading);
      }
      before = messages.at(-1)?.id;
      if (!more || before === undefined) return reading;
    }
  }

  #readOne(message: DocumentMessage, reading: Reading): void {
    const record = this.#take(message);
    if (record?.kind === RecordKind.Update) reading.updates.push(record.payload);
    const snapshot = record?.kind === RecordKind.Snapshot ? snapshotOf(record, message) : undefined;
    if (!snapshot || snapshot.upTo <= reading.floor) return;
    reading.floor = snapshot.upTo;
    reading.hasSnapshot = true;
    reading.updates.push(snapshot.state);
  }

  /** Notes who wrote a message, and gives the record that it completes. */
  #take(message: DocumentMessage): WholeRecord | undefined {
    const part = message.data && decodePart(message.data);
    this.#now = Math.max(this.#now, message.sentAt);
    if (!part) return undefined;
    if (part.kind === RecordKind.Snapshot) this.#snapshotParts = part.count;
    else {
      this.#sinceSnapshot++;
      this.writers.set(message.senderId, Math.max(message.sentAt, this.writers.get(message.senderId) ?? 0));
    }
    return this.#assembler.add(message, part);
  }

  #apply(updates: readonly Uint8Array[]): void {
    const readable = updates.filter((update) => this.#isReadable(update));
    if (readable.length === 0) return;
    const update = Y.mergeUpdates(readable);
    let isNew = false;
    const note = () => {
      isNew = true;
    };
    this.doc.on("update", note);
    Y.applyUpdate(this.doc, update, REMOTE);
    this.doc.off("update", note);
    // What can't be integrated yet is to be kept as well.
    if (isNew || this.doc.store.pendingStructs || this.doc.store.pendingDs) this.#received.push(update);
  }

  #isReadable(update: Uint8Array): boolean {
    try {
      Y.decodeUpdate(update);
      return true;
    } catch (error) {
      this.#options.hooks.failed("a message of the document is not readable and was left out", error);
      return false;
    }
  }

  #advance(id: string): void {
    const waiting = this.#assembler.firstWaiting(this.#now);
    if (id > this.#seenUpTo && (waiting === undefined || waiting > id)) this.#seenUpTo = id;
  }

  /** Of a long document there are fewer: a snapshot has at most a quarter of the messages that made it due. */
  #isSnapshotDue(): boolean {
    return this.#caughtUp && this.#sinceSnapshot >= Math.max(this.#options.snapshotEvery, 4 * this.#snapshotParts);
  }

  #scheduleSave(): void {
    this.#saveTimer ??= setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  #save(): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const received = this.#received;
    this.#received = [];
    this.#options.store.addReceived(received, this.#seenUpTo, this.#sinceSnapshot).catch((error: unknown) => {
      this.#options.hooks.failed("the document is not kept in this browser", error);
    });
  }

  async #compact(saved: readonly StoredUpdate[]): Promise<void> {
    const merged = Y.mergeUpdates(saved.map(({ update }) => update));
    await this.#options.store.replace(
      saved.map(({ key }) => key),
      merged,
    );
  }
}

/** Undefined if it can't be one: a snapshot holds only what came before it. */
function snapshotOf({ payload }: WholeRecord, { id }: DocumentMessage): ReturnType<typeof decodeSnapshot> {
  const snapshot = decodeSnapshot(payload);
  return snapshot && snapshot.upTo < id ? snapshot : undefined;
}

/**
 * The same edits, or more, without the text that has been deleted since: what was pasted and taken back while offline needs not be sent. The
 * shorter one of the two.
 */
function withoutDeleted(merged: Uint8Array, doc: Y.Doc): Uint8Array {
  const known = Y.decodeStateVector(Y.encodeStateVector(doc));
  for (const [client, clock] of Y.parseUpdateMeta(merged).from) known.set(client, clock);
  const shorter = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(known));
  return shorter.length < merged.length ? shorter : merged;
}
