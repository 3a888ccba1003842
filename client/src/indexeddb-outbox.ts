import type { OutboxEntry, OutboxStore } from "./store.ts";

const ENTRIES = "entries";
const BY_NAME = "by_name";
const BY_OWNER = "by_owner";

interface Row {
  readonly userId: string;
  /** The page that sends it. */
  readonly owner: string;
  /** For the index: what `entry` says. */
  readonly clientId: string;
  readonly entry: OutboxEntry;
}

/**
 * Keeps the outbox of one user in IndexedDB, for all pages of an origin: what was not acknowledged survives a reload, a crash and the end of
 * the page. Each message belongs to one page; when that page ends, another page of the user takes it over, at once if one is open, else the next one. A
 * page holds a Web Lock as long as it lives, by which the others see that. Outside secure contexts there are no Web Locks: there each page
 * takes up all that is stored, and it is the message's `clientId` that keeps it from being stored twice by the server.
 */
export class IndexedDbOutboxStore implements OutboxStore {
  readonly #userId: string;
  readonly #name: string;
  readonly #owner = randomId();
  readonly #ended = new AbortController();
  /** Live pages of the user whose end this one waits for. */
  readonly #watched = new Set<string>();
  #channel: BroadcastChannel | undefined;
  #database: Promise<IDBDatabase> | undefined;

  /** @param options.database the database's name, for an origin that has several chats [chatcluster-outbox]. */
  constructor(userId: string, { database = "chatcluster-outbox" }: { database?: string } = {}) {
    this.#userId = userId;
    this.#name = database;
  }

  async load(inherit: (entries: OutboxEntry[]) => void): Promise<OutboxEntry[]> {
    this.#ended.signal.throwIfAborted();
    if (!navigator.locks) return (await this.#rows()).map(({ entry }) => entry);
    await this.#hold();
    this.#channel = new BroadcastChannel(`${this.#name}/${this.#userId}`);
    this.#channel.onmessage = ({ data }) => this.#watch(String(data), inherit);
    this.#channel.postMessage(this.#owner);
    const owners = new Set((await this.#rows()).map(({ owner }) => owner));
    // Not before: an owner of something that does not live now is dead, not about to begin. Two pages may see that; the second one finds nothing left.
    const alive = await this.#alive();
    await Promise.all([...owners].filter((owner) => !alive.has(owner)).map((owner) => this.#adopt(owner)));
    for (const owner of alive) this.#watch(owner, inherit);
    return (await this.#rows()).filter(({ owner }) => owner === this.#owner).map(({ entry }) => entry);
  }

  async put(entry: OutboxEntry): Promise<void> {
    const row: Row = { userId: this.#userId, owner: this.#owner, clientId: entry.clientId, entry };
    await this.#change((entries) => {
      const search = entries.index(BY_NAME).getKey([this.#userId, entry.clientId]);
      search.onsuccess = () => {
        if (search.result === undefined) entries.add(row);
        else entries.put(row, search.result);
      };
    });
  }

  async remove(clientId: string): Promise<void> {
    await this.#change((entries) => {
      const search = entries.index(BY_NAME).getKey([this.#userId, clientId]);
      search.onsuccess = () => search.result !== undefined && entries.delete(search.result);
    });
  }

  close(): void {
    this.#ended.abort();
    this.#channel?.close();
    // What is under way is finished first (Indexed Database API 3.0, section 2.1.1).
    this.#database?.then(
      (database) => database.close(),
      () => undefined,
    );
  }

  /** Holds this page's lock until the store is closed or the page has ended. */
  #hold(): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((held, failed) => {
      navigator.locks
        .request(this.#lock(this.#owner), { signal }, () => {
          held();
          return new Promise<void>((end) => signal.addEventListener("abort", () => end(), { once: true }));
        })
        .catch(failed);
    });
  }

  /** The other pages of the user that live. */
  async #alive(): Promise<Set<string>> {
    const prefix = this.#lock("");
    const { held = [] } = await navigator.locks.query();
    const owners = held.map(({ name = "" }) => name).filter((name) => name.startsWith(prefix));
    return new Set(owners.map((name) => name.slice(prefix.length)).filter((owner) => owner !== this.#owner));
  }

  /** Takes over what another page leaves, as soon as it ends. */
  #watch(owner: string, inherit: (entries: OutboxEntry[]) => void): void {
    if (this.#watched.has(owner)) return;
    this.#watched.add(owner);
    const { signal } = this.#ended;
    navigator.locks
      .request(this.#lock(owner), { signal }, async () => {
        this.#watched.delete(owner);
        if (!signal.aborted) inherit(await this.#adopt(owner));
      })
      .catch((error: unknown) => {
        // Whoever loads next takes them over.
        if (!signal.aborted) reportError(error);
      });
  }

  /** Makes another page's messages this page's, in their order. */
  async #adopt(owner: string): Promise<OutboxEntry[]> {
    const adopted: OutboxEntry[] = [];
    await this.#change((entries) => {
      const search = entries.index(BY_OWNER).openCursor([this.#userId, owner]);
      search.onsuccess = () => {
        const cursor = search.result;
        if (!cursor) return;
        const row = cursor.value as Row;
        cursor.update({ ...row, owner: this.#owner } satisfies Row);
        adopted.push(row.entry);
        cursor.continue();
      };
    });
    return adopted;
  }

  /** All that is stored of the user, in the order in which it was first put. */
  async #rows(): Promise<Row[]> {
    const database = await this.#open();
    const all = database.transaction(ENTRIES).objectStore(ENTRIES).getAll();
    await new Promise<void>((resolve, reject) => {
      all.onsuccess = () => resolve();
      all.onerror = () => reject(all.error);
    });
    return (all.result as Row[]).filter(({ userId }) => userId === this.#userId);
  }

  /** Resolves when what `work` asks for is on the disk, all of it or nothing. */
  async #change(work: (entries: IDBObjectStore) => void): Promise<void> {
    const database = await this.#open();
    const transaction = database.transaction(ENTRIES, "readwrite", { durability: "strict" });
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(ENTRIES));
    });
  }

  #open(): Promise<IDBDatabase> {
    this.#database ??= openDatabase(this.#name, () => {
      this.#database = undefined;
    }).catch((error: unknown) => {
      this.#database = undefined;
      throw error;
    });
    return this.#database;
  }

  #lock(owner: string): string {
    return `${this.#name}/${this.#userId}/${owner}`;
  }
}

/** @param onGone called when the connection is of no use any more: the site's data were cleared, or a later version wants to change the schema. */
function openDatabase(name: string, onGone: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      const entries = opening.result.createObjectStore(ENTRIES, { autoIncrement: true });
      entries.createIndex(BY_NAME, ["userId", "clientId"], { unique: true });
      entries.createIndex(BY_OWNER, ["userId", "owner"]);
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

/** `crypto.randomUUID` is there in secure contexts only. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
