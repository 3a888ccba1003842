import type { DocumentStore, StoredDocument, StoredUpdate } from "../document-store.ts";

/** Keeps a document as long as the process lives. */
export class MemoryDocumentStore implements DocumentStore {
  readonly #rows = new Map<number, { update: Uint8Array; unsent: boolean }>();
  #next = 1;
  #seenUpTo = "";
  #sinceSnapshot = 0;

  async load(): Promise<StoredDocument> {
    const rows = (wanted: boolean): StoredUpdate[] =>
      [...this.#rows].filter(([, { unsent }]) => unsent === wanted).map(([key, { update }]) => ({ key, update }));
    return { saved: rows(false), unsent: rows(true), seenUpTo: this.#seenUpTo, sinceSnapshot: this.#sinceSnapshot };
  }

  async addEdit(update: Uint8Array): Promise<number> {
    return this.#add(update, true);
  }

  async addReceived(updates: readonly Uint8Array[], seenUpTo: string, sinceSnapshot: number): Promise<void> {
    for (const update of updates) this.#add(update, false);
    if (seenUpTo < this.#seenUpTo) return;
    this.#seenUpTo = seenUpTo;
    this.#sinceSnapshot = sinceSnapshot;
  }

  async replace(keys: readonly number[], update: Uint8Array): Promise<void> {
    for (const key of keys) this.#rows.delete(key);
    this.#add(update, false);
  }

  #add(update: Uint8Array, unsent: boolean): number {
    this.#rows.set(this.#next, { update, unsent });
    return this.#next++;
  }
}
