import type { OutboxEntry, OutboxStore } from "@chatcluster/client";

const TOKEN = "chatcluster.token";
const DEVICE = "chatcluster.device";

/**
 * What this tab keeps over a reload. Session storage and not local storage: each tab is a device of its own, perhaps of another user, and a
 * token is gone with its tab.
 */
export const pageStorage = {
  get token(): string | undefined {
    return sessionStorage.getItem(TOKEN) ?? undefined;
  },
  set token(token: string | undefined) {
    if (token === undefined) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  },
  get deviceId(): string {
    const known = sessionStorage.getItem(DEVICE);
    if (known !== null) return known;
    const made = `browser-${randomId()}`;
    sessionStorage.setItem(DEVICE, made);
    return made;
  },
};

/** 128 random bits. `crypto.randomUUID` is there in secure contexts only, and a page may be opened by http in a private network. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Keeps unacknowledged messages over a reload of the tab; of each user apart. */
export class PageOutbox implements OutboxStore {
  readonly #key: string;

  constructor(userId: string) {
    this.#key = `chatcluster.outbox.${userId}`;
  }

  async load(): Promise<OutboxEntry[]> {
    return this.#read();
  }

  async put(entry: OutboxEntry): Promise<void> {
    const entries = this.#read();
    const index = entries.findIndex(({ clientId }) => clientId === entry.clientId);
    if (index < 0) entries.push(entry);
    else entries[index] = entry;
    this.#write(entries);
  }

  async remove(clientId: string): Promise<void> {
    this.#write(this.#read().filter((entry) => entry.clientId !== clientId));
  }

  #read(): OutboxEntry[] {
    return JSON.parse(sessionStorage.getItem(this.#key) ?? "[]") as OutboxEntry[];
  }

  #write(entries: readonly OutboxEntry[]): void {
    sessionStorage.setItem(this.#key, JSON.stringify(entries));
  }
}
