import { MAX_DATA_BYTES } from "@chatcluster/protocol/limits";

/**
 * What the data of one message begins with. `Update` is followed by a Yjs update; `Snapshot` by the id of a message and all that is in the document
 * once that message and those before it are.
 */
export const RecordKind = { Update: 1, Snapshot: 2 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** A record that fits into one message is its only part. Otherwise it is put together when all its parts have come. */
export interface Part {
  kind: RecordKind;
  index: number;
  count: number;
  /** Tells the parts of one record from those of another one of the same sender; empty if it is the only part. */
  recordId: string;
  payload: Uint8Array<ArrayBuffer>;
}

/** Parts of one record: 24 MB. */
const MAX_PARTS = 512;
/** Kind, and the number of parts as 16 bits, the highest first. */
const HEADER_BYTES = 3;
const RECORD_ID_BYTES = 8;
/** With more than one part, further: the part's index as 16 bits, and the record's id. */
const PART_HEADER_BYTES = HEADER_BYTES + 2 + RECORD_ID_BYTES;
/** Characters of a message id, which are ASCII. */
const MESSAGE_ID_LENGTH = 26;

/**
 * The messages that carry a record, in the order in which they are to be sent.
 *
 * @param maxBytes of one message.
 * @throws RangeError if it is longer than any record may be.
 */
export function encodeRecord(
  kind: RecordKind,
  payload: Uint8Array,
  maxBytes: number = MAX_DATA_BYTES,
): Uint8Array<ArrayBuffer>[] {
  if (payload.length <= maxBytes - HEADER_BYTES) return [concat(header(kind, 1), payload)];
  const size = maxBytes - PART_HEADER_BYTES;
  const count = Math.ceil(payload.length / size);
  if (count > MAX_PARTS) throw new RangeError("the change is too large to be sent");
  const recordId = crypto.getRandomValues(new Uint8Array(RECORD_ID_BYTES));
  return Array.from({ length: count }, (_, index) =>
    concat(header(kind, count), uint16(index), recordId, payload.subarray(index * size, (index + 1) * size)),
  );
}

/** Undefined if that is no message of a document. */
export function decodePart(data: Uint8Array): Part | undefined {
  const kind = data[0];
  if (kind !== RecordKind.Update && kind !== RecordKind.Snapshot) return undefined;
  const count = readUint16(data, 1);
  if (count === 1) return { kind, index: 0, count, recordId: "", payload: data.slice(HEADER_BYTES) };
  const index = readUint16(data, HEADER_BYTES);
  if (count > MAX_PARTS || index >= count || data.length <= PART_HEADER_BYTES) return undefined;
  const recordId = [...data.subarray(HEADER_BYTES + 2, PART_HEADER_BYTES)].join(".");
  return { kind, index, count, recordId, payload: data.slice(PART_HEADER_BYTES) };
}

/** @param upTo the last message that is in the state, with all that came before it. */
export function encodeSnapshot(upTo: string, state: Uint8Array): Uint8Array<ArrayBuffer> {
  if (upTo.length !== MESSAGE_ID_LENGTH) throw new RangeError(`${upTo} is no message id`);
  return concat(new TextEncoder().encode(upTo), state);
}

/** Undefined if it does not begin with a message id. */
export function decodeSnapshot(payload: Uint8Array): { upTo: string; state: Uint8Array } | undefined {
  const upTo = String.fromCharCode(...payload.subarray(0, MESSAGE_ID_LENGTH));
  if (!/^[0-9A-Z]{26}$/.test(upTo)) return undefined;
  return { upTo, state: payload.subarray(MESSAGE_ID_LENGTH) };
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const header = (kind: RecordKind, count: number) => concat(Uint8Array.of(kind), uint16(count));
const uint16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
/** 0 past the end, which is no valid count. */
const readUint16 = (data: Uint8Array, at: number) => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
