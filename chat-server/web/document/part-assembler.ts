import { concat, type Part, type RecordKind } from "./document-message.ts";

/** A message of the document's conversation, as far as it concerns the document. */
export interface DocumentMessage {
  id: string;
  senderId: string;
  /** Milliseconds since 1970, by the server's clock. */
  sentAt: number;
  data?: Uint8Array;
}

export interface WholeRecord {
  kind: RecordKind;
  payload: Uint8Array;
}

/**
 * How long after its first part the last part of a record may be stored, in milliseconds of the server's clock. What takes longer is dead, for every
 * reader alike, and its sender sends it anew: else a record that nobody completes would have to be waited for for ever.
 */
export const RECORD_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** Bytes of incomplete records that are kept; past them the oldest record is forgotten. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface Incomplete {
  readonly kind: RecordKind;
  readonly payloads: (Uint8Array | undefined)[];
  missing: number;
  bytes: number;
  firstId: string;
  firstSentAt: number;
  lastSentAt: number;
}

/** Puts records together from their parts, which may come in any order, and more than once. */
export class PartAssembler {
  readonly #incomplete = new Map<string, Incomplete>();
  #bytes = 0;

  /** @returns the record, if this was the last part of it that was missing. */
  add({ id, senderId, sentAt }: DocumentMessage, part: Part): WholeRecord | undefined {
    if (part.count === 1) return { kind: part.kind, payload: part.payload };
    const name = `${senderId}/${part.recordId}`;
    const record = this.#incomplete.get(name) ?? begin(part, id, sentAt);
    if (record.payloads.length !== part.count || record.kind !== part.kind) return undefined;
    this.#incomplete.set(name, record);
    if (record.payloads[part.index]) return undefined;
    record.payloads[part.index] = part.payload;
    record.missing--;
    record.bytes += part.payload.length;
    this.#bytes += part.payload.length;
    if (id < record.firstId) record.firstId = id;
    record.firstSentAt = Math.min(record.firstSentAt, sentAt);
    record.lastSentAt = Math.max(record.lastSentAt, sentAt);
    if (record.missing === 0) return this.#complete(name, record);
    if (this.#bytes > MAX_WAITING_BYTES) this.#forgetOldest();
    return undefined;
  }

  /** The first message that belongs to a record which may still become complete, if there is one. @param now of the server's clock. */
  firstWaiting(now: number): string | undefined {
    const waiting = [...this.#incomplete.values()].filter(({ firstSentAt }) => now - firstSentAt <= RECORD_LIFETIME_MS);
    return waiting.map(({ firstId }) => firstId).sort()[0];
  }

  #complete(name: string, { kind, payloads, firstSentAt, lastSentAt, bytes }: Incomplete): WholeRecord | undefined {
    this.#incomplete.delete(name);
    this.#bytes -= bytes;
    if (lastSentAt - firstSentAt > RECORD_LIFETIME_MS) return undefined;
    return { kind, payload: concat(...payloads.filter((payload) => payload !== undefined)) };
  }

  #forgetOldest(): void {
    for (const [name, { bytes }] of this.#incomplete) {
      this.#incomplete.delete(name);
      this.#bytes -= bytes;
      return;
    }
  }
}

function begin({ kind, count }: Part, id: string, sentAt: number): Incomplete {
  const payloads = Array.from<undefined>({ length: count });
  return { kind, payloads, missing: count, bytes: 0, firstId: id, firstSentAt: sentAt, lastSentAt: sentAt };
}
