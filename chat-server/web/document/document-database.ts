import type { DocumentStore, StoredDocument } from "./document-store.ts";

const DOCUMENTS = "documents";
const UPDATES = "updates";
const BY_DOCUMENT = "by_document";

/** A document that was opened in this browser. */
export interface KnownDocument {
  id: string;
  title: string;
  mayPublish: boolean;
  /** Milliseconds since 1970. */
  openedAt: number;
}

interface DocumentRow {
  readonly userId: string;
  readonly id: string;
  readonly known?: Omit<KnownDocument, "id">;
  readonly seenUpTo: string;
  readonly sinceSnapshot: number;
}

interface UpdateRow {
  readonly userId: string;
  readonly id: string;
  readonly update: Uint8Array;
  readonly unsent: boolean;
}

/** The documents of one user in this browser, in IndexedDB: they are there before the server is, and what was not sent outlives the page. */
export class DocumentDatabase {
  readonly #userId: string;
  #database: Promise<IDBDatabase> | undefined;

  constructor(userId: string) {
    this.#userId = userId;
  }

  /** The one that was opened last first. */
  async known(): Promise<KnownDocument[]> {
    const rows = await this.#read((stores) => stores(DOCUMENTS).getAll() as IDBRequest<DocumentRow[]>);
    return rows
      .filter(({ userId }) => userId === this.#userId)
      .flatMap(({ id, known }) => (known ? [{ id, ...known }] : []))
      .sort((a, b) => b.openedAt - a.openedAt);
  }

  async note({ id, ...known }: KnownDocument): Promise<void> {
    await this.#changeRow(id, (row) => ({ ...row, known }));
  }

  store(id: string): DocumentStore {
    return {
      load: () => this.#load(id),
      addEdit: (update) => this.#addEdit(id, update),
      addReceived: (updates, seenUpTo, sinceSnapshot) =>
        this.#changeRow(
          id,
          (row) => (seenUpTo < row.seenUpTo ? row : { ...row, seenUpTo, sinceSnapshot }),
          (stores) => {
            for (const update of updates) stores(UPDATES).add(this.#row(id, update, false));
          },
        ),
      replace: async (keys, update) => {
        await this.#change((stores) => {
          for (const key of keys) stores(UPDATES).delete(key);
          stores(UPDATES).add(this.#row(id, update, false));
        });
      },
    };
  }

  close(): void {
    this.#database?.then(
      (database) => database.close(),
      () => undefined,
    );
    this.#database = undefined;
  }

  async #load(id: string): Promise<StoredDocument> {
    const stored: StoredDocument = { saved: [], unsent: [], seenUpTo: "", sinceSnapshot: 0 };
    // One transaction: another page may join updates meanwhile.
    await this.#change((stores) => {
      const search = stores(UPDATES).index(BY_DOCUMENT).openCursor([this.#userId, id]);
      search.onsuccess = () => {
        const cursor = search.result;
        if (!cursor) return;
        const { update, unsent } = cursor.value as UpdateRow;
        stored[unsent ? "unsent" : "saved"].push({ key: Number(cursor.primaryKey), update });
        cursor.continue();
      };
      const row = stores(DOCUMENTS).get([this.#userId, id]) as IDBRequest<DocumentRow | undefined>;
      row.onsuccess = () => {
        stored.seenUpTo = row.result?.seenUpTo ?? "";
        stored.sinceSnapshot = row.result?.sinceSnapshot ?? 0;
      };
    });
    return stored;
  }

  async #addEdit(id: string, update: Uint8Array): Promise<number> {
    let added: IDBRequest<IDBValidKey> | undefined;
    await this.#change((stores, commit) => {
      added = stores(UPDATES).add(this.#row(id, update, true));
      // Without it a page that is reloaded right after a key was pressed aborts the transaction.
      commit();
    });
    return Number(added?.result);
  }

  #row(id: string, update: Uint8Array, unsent: boolean): UpdateRow {
    return { userId: this.#userId, id, update, unsent };
  }

  #changeRow(
    id: string,
    change: (row: DocumentRow) => DocumentRow,
    more?: (stores: (name: string) => IDBObjectStore) => void,
  ): Promise<void> {
    return this.#change((stores) => {
      more?.(stores);
      const row = stores(DOCUMENTS).get([this.#userId, id]) as IDBRequest<DocumentRow | undefined>;
      row.onsuccess = () => {
        const { result = { userId: this.#userId, id, seenUpTo: "", sinceSnapshot: 0 } } = row;
        stores(DOCUMENTS).put(change(result));
      };
    });
  }

  async #read<Value>(ask: (stores: (name: string) => IDBObjectStore) => IDBRequest<Value>): Promise<Value> {
    let request: IDBRequest<Value> | undefined;
    await this.#change((stores) => {
      request = ask(stores);
    });
    return (request as IDBRequest<Value>).result;
  }

  /** Resolves when all that `work` asks for is done; nothing of it is if something fails. */
  async #change(work: (stores: (name: string) => IDBObjectStore, commit: () => void) => void): Promise<void> {
    const database = await this.#open();
    const transaction = database.transaction([DOCUMENTS, UPDATES], "readwrite");
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(
        (name) => transaction.objectStore(name),
        () => transaction.commit(),
      );
    });
  }

  #open(): Promise<IDBDatabase> {
    this.#database ??= openDatabase(() => {
      this.#database = undefined;
    }).catch((error: unknown) => {
      this.#database = undefined;
      throw error;
    });
    return this.#database;
  }
}

/** @param onGone called when the connection is of no use any more: the site's data were cleared, or a later version changes the schema. */
function openDatabase(onGone: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("chatcluster-documents", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(DOCUMENTS, { keyPath: ["userId", "id"] });
      opening.result.createObjectStore(UPDATES, { autoIncrement: true }).createIndex(BY_DOCUMENT, ["userId", "id"]);
    };
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      database.onclose = onGone;
      database.onversionchange = () => {
        database.close();
        onGone();
      };
      resolve(database);
    };
  });
}
