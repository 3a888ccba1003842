/**
 * Binary WebSocket frames of live conversations, as PROTOCOL.md has them to the byte. Holds no schema, so that clients may carry it: ids
 * are checked for their place, not for their pattern.
 */
import type { Position } from "./model.ts";

export const BINARY_VERSION = 1;

const TYPE = { send: 1, message: 2 } as const;
const CONTENT = { data: 0, text: 1 } as const;
const SEND_HEAD = 9;
const MESSAGE_HEAD = 49;
const MESSAGE_ID_LENGTH = 26;
const TWO_32 = 2 ** 32;

/** A text, or data. */
export type Content = string | Uint8Array;

/** What a client sends: a `send` or a `publish`. */
export interface BinarySend {
  /** Below 2³². */
  id: number;
  conversationId: string;
  clientId: string;
  content: Content;
}

/** What a server sends: a `message`. */
export interface BinaryMessage {
  id: string;
  conversationId: string;
  senderId: string;
  clientId: string;
  sentAt: number;
  content: Content;
  position: Position;
}

/** Bytes that are no frame; `re` is the request's id, if it could be read. */
export class BinaryFrameError extends Error {
  override readonly name = "BinaryFrameError";
  readonly re: number | undefined;

  constructor(message: string, re?: number) {
    super(message);
    this.re = re;
  }
}

const encoder = new TextEncoder();
// A byte order mark at the beginning of a text is part of it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeSend({ id, conversationId, clientId, content }: BinarySend): Uint8Array {
  const parts = [conversationId, clientId].map((text) => encoder.encode(text));
  const { bytes, view } = frame(TYPE.send, content, SEND_HEAD, parts, [3, 4]);
  view.setUint32(5, id);
  return bytes;
}

/** @throws BinaryFrameError */
export function decodeSend(bytes: Uint8Array): BinarySend {
  const re = bytes.length >= SEND_HEAD ? viewOf(bytes).getUint32(5) : undefined;
  const { texts, content } = parse(bytes, TYPE.send, SEND_HEAD, [3, 4], re);
  const [conversationId = "", clientId = ""] = texts;
  return { id: re ?? 0, conversationId, clientId, content };
}

export function encodeMessage(message: BinaryMessage): Uint8Array {
  const { conversationId, clientId, senderId, position, content } = message;
  const parts = [conversationId, clientId, senderId, position.epoch].map((text) => encoder.encode(text));
  const { bytes, view } = frame(TYPE.message, content, MESSAGE_HEAD, parts, [3, 4, 5, 6]);
  setUint64(view, 7, position.offset);
  setUint64(view, 15, message.sentAt);
  bytes.set(encoder.encode(message.id), 23);
  return bytes;
}

/** @throws BinaryFrameError */
export function decodeMessage(bytes: Uint8Array): BinaryMessage {
  const { texts, content } = parse(bytes, TYPE.message, MESSAGE_HEAD, [3, 4, 5, 6]);
  const [conversationId = "", clientId = "", senderId = "", epoch = ""] = texts;
  const view = viewOf(bytes);
  const [offset, sentAt] = [getUint64(view, 7), getUint64(view, 15)];
  const id = textOf(bytes.subarray(23, 23 + MESSAGE_ID_LENGTH));
  return { id, conversationId, senderId, clientId, sentAt, content, position: { epoch, offset } };
}

/** Version, type, what the payload is, and the lengths of the texts between head and payload, each in its place. */
function frame(type: number, content: Content, head: number, parts: Uint8Array[], lengthsAt: number[]) {
  const payload = typeof content === "string" ? encoder.encode(content) : content;
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, head + payload.length));
  bytes[0] = BINARY_VERSION;
  bytes[1] = type;
  bytes[2] = typeof content === "string" ? CONTENT.text : CONTENT.data;
  let at = head;
  parts.forEach((part, index) => {
    bytes[lengthsAt[index] as number] = part.length;
    bytes.set(part, at);
    at += part.length;
  });
  bytes.set(payload, at);
  return { bytes, view: viewOf(bytes) };
}

function parse(bytes: Uint8Array, type: number, head: number, lengthsAt: number[], re?: number) {
  const fail = (what: string) => new BinaryFrameError(what, re);
  if (bytes.length < head) throw fail("shorter than the head of a frame");
  if (bytes[0] !== BINARY_VERSION) throw new BinaryFrameError(`version ${bytes[0]} is not known`);
  if (bytes[1] !== type) throw new BinaryFrameError(`type ${bytes[1]} is not known here`);
  const kind = bytes[2];
  if (kind !== CONTENT.data && kind !== CONTENT.text) throw fail(`content ${kind} is not known`);
  let at = head;
  const texts = lengthsAt.map((place) => {
    const end = at + (bytes[place] ?? 0);
    if (end > bytes.length) throw fail("ends before its payload");
    const text = textOf(bytes.subarray(at, end), re);
    at = end;
    return text;
  });
  const payload = bytes.subarray(at);
  return { texts, content: kind === CONTENT.text ? textOf(payload, re) : payload };
}

function textOf(bytes: Uint8Array, re?: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BinaryFrameError("a text is not UTF-8", re);
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength);

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / TWO_32));
  view.setUint32(at + 4, value % TWO_32);
}

function getUint64(view: DataView, at: number): number {
  const value = view.getUint32(at) * TWO_32 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw new BinaryFrameError("a number is too large");
  return value;
}
