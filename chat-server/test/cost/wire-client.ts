import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { ClientFrame } from "@chatcluster/protocol";
import { tokenFor } from "../support/test-server.ts";

const OPCODE = { text: 0x1, close: 0x8, ping: 0x9 } as const;
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const HEAD_END = Buffer.from("\r\n\r\n");

type Login = Omit<Extract<ClientFrame, { type: "login" }>, "type" | "id" | "device">;

/**
 * A WebSocket client (RFC 6455) of which a process can have thousands, and which costs a benchmark little: what a load generator takes is taken
 * from what it measures. It masks with zeros, expects no fragments, and does not look into what it gets.
 */
export class WireClient {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #upgraded = false;
  /** Text frames of the server, after `welcome`. */
  onText: (text: string) => void = () => undefined;
  /** Once, when the connection is gone, also if it never came about. */
  onClose: () => void = () => undefined;
  /** Why the server closed it, if it said so. */
  closed = "";
  #onWelcome: (() => void) | undefined;

  private constructor(port: number, token: string) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay();
    const key = randomBytes(16).toString("base64");
    const head = [
      "GET /chat HTTP/1.1",
      "Host: x",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${key}`,
      `Authorization: Bearer ${token}`,
    ];
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
    this.#socket.on("data", (data) => this.#take(data));
    // The close follows.
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => this.onClose());
  }

  /** Connects and signs in. Rejects if the connection ends before the `welcome`. */
  static async signIn(port: number, userId: string, login: Login = {}): Promise<WireClient> {
    const client = new WireClient(port, await tokenFor(userId));
    await new Promise<void>((resolve, reject) => {
      client.#onWelcome = resolve;
      client.onClose = () => reject(new Error(`no welcome for ${userId}: ${client.closed}`));
      client.send({ type: "login", id: 0, device: { id: "d" }, ...login });
    });
    client.onClose = () => undefined;
    return client;
  }

  send(frame: ClientFrame): void {
    const payload = Buffer.from(JSON.stringify(frame));
    const { length } = payload;
    if (length > 65_535) throw new RangeError(`${length} bytes are too many for this client`);
    const head = length < 126 ? 6 : 8;
    const bytes = Buffer.alloc(head + length);
    bytes[0] = 0x80 | OPCODE.text;
    bytes[1] = 0x80 | (length < 126 ? length : 126);
    if (length >= 126) bytes.writeUInt16BE(length, 2);
    payload.copy(bytes, head);
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    if (!this.#upgraded) {
      const end = bytes.indexOf(HEAD_END);
      if (end >= 0) {
        this.#upgraded = true;
        bytes = bytes.subarray(end + HEAD_END.length);
      }
    }
    this.#rest = this.#upgraded ? this.#frames(bytes) : bytes;
  }

  /** Returns what is no whole frame yet. */
  #frames(bytes: Buffer): Buffer {
    let at = 0;
    for (let end = endOfFrame(bytes, at); end !== undefined; end = endOfFrame(bytes, at)) {
      this.#frame((bytes[at] ?? 0) & 0x0f, bytes, at + headLength(bytes, at), end);
      at = end;
    }
    return at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
  }

  #frame(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.ping) this.#socket.write(PONG);
    else if (opcode === OPCODE.close) this.#closed(bytes.subarray(start, end));
    else if (opcode === OPCODE.text) this.#text(bytes.toString("utf8", start, end));
  }

  /** Code and reason (RFC 6455, section 5.5.1). */
  #closed(payload: Buffer): void {
    if (payload.length >= 2) this.closed = `${payload.readUInt16BE(0)} ${payload.subarray(2)}`;
    this.#socket.destroy();
  }

  #text(text: string): void {
    if (this.#onWelcome && text.startsWith('{"type":"welcome"')) {
      this.#onWelcome();
      this.#onWelcome = undefined;
    } else this.onText(text);
  }
}

const EMPTY = Buffer.alloc(0);

/** Of an unmasked frame that begins there (RFC 6455, section 5.2). */
function headLength(bytes: Buffer, at: number): number {
  const length = (bytes[at + 1] ?? 0) & 0x7f;
  if (length < 126) return 2;
  return length === 126 ? 4 : 10;
}

/** Where the frame that begins there ends; undefined if not all of it has come. */
function endOfFrame(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < 2) return undefined;
  const head = headLength(bytes, at);
  if (bytes.length - at < head) return undefined;
  let length = (bytes[at + 1] ?? 0) & 0x7f;
  if (head === 4) length = bytes.readUInt16BE(at + 2);
  else if (head === 10) length = Number(bytes.readBigUInt64BE(at + 2));
  return bytes.length - at < head + length ? undefined : at + head + length;
}

/** Signs users in, so many at a time. */
export async function signInAll<Item>(
  items: readonly Item[],
  signIn: (item: Item, index: number) => Promise<WireClient>,
  parallel = 50,
): Promise<WireClient[]> {
  const clients = new Array<WireClient>(items.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++)
      clients[index] = await signIn(items[index] as Item, index);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return clients;
}
