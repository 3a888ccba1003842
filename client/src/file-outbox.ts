import { open, readFile, rename } from "node:fs/promises";
import { fromBase64, toBase64 } from "./base64.ts";
import type { OutboxEntry, OutboxStore } from "./store.ts";

/**
 * Keeps the outbox in a file, for programs on Node: a list in JSON, replaced as a whole (written beside, synced, renamed), so that a crash
 * leaves the old or the new one. One process at a time.
 */
export class FileOutboxStore implements OutboxStore {
  readonly #path: string;
  readonly #entries = new Map<string, OutboxEntry>();
  #written: Promise<void> = Promise.resolve();

  /** @param path of the file; its folder exists. */
  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<OutboxEntry[]> {
    for (const entry of await read(this.#path))
      if (!this.#entries.has(entry.clientId)) this.#entries.set(entry.clientId, entry);
    return [...this.#entries.values()];
  }

  put(entry: OutboxEntry): Promise<void> {
    this.#entries.set(entry.clientId, entry);
    return this.#write();
  }

  remove(clientId: string): Promise<void> {
    this.#entries.delete(clientId);
    return this.#write();
  }

  /** One write after the other; each takes what is there when its turn has come. */
  #write(): Promise<void> {
    const write = async () => replace(this.#path, JSON.stringify([...this.#entries.values()].map(written)));
    this.#written = this.#written.then(write, write);
    return this.#written;
  }
}

async function read(path: string): Promise<OutboxEntry[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries) || !entries.every(isEntry)) throw new Error(`${path} is no outbox`);
  return entries.map(({ data, ...entry }) => (data === undefined ? entry : { ...entry, data: fromBase64(data) }));
}

/** As it stands in the file: bytes in base 64. */
type Written = Omit<OutboxEntry, "data"> & { data?: string };

const written = ({ data, ...entry }: OutboxEntry): Written =>
  data === undefined ? entry : { ...entry, data: toBase64(data) };

function isEntry(value: unknown): value is Written {
  const { clientId, conversationId, text, data, createdAt, firstSentAt } = (value ?? {}) as Record<string, unknown>;
  return (
    [clientId, conversationId, text].every((field) => typeof field === "string") &&
    typeof createdAt === "number" &&
    (data === undefined || typeof data === "string") &&
    (firstSentAt === undefined || typeof firstSentAt === "number")
  );
}

async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
}
