/**
 * Subscribers of live rooms, and one publisher for each, in a process of its own: fan-out-generator.ts SETTINGS (JSON, {@link FanOutLoad}).
 * Prints `ready`, `measuring` and the figures as lines. Subscribers are spoken to by hand, so that this side is small.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { RawClient } from "../support/raw-client.ts";
import { tokenFor } from "../support/test-server.ts";

export interface FanOutLoad {
  ports: number[];
  subscribers: number;
  rooms: number;
  deliveriesPerSecond: number;
  seconds: number;
  binary: boolean;
}

export interface FanOutFigures {
  deliveries: number;
  p50: number;
  p99: number;
}

const PARALLEL = 50;
const WARM_UP_MS = 5_000;
const TICK_MS = 5;
/** Characters of a message. */
const LENGTH = 100;
/** Classes of a tenth of a millisecond, the last for all beyond. */
const latencies = new Uint32Array(100_000);
let deliveries = 0;
let isMeasuring = false;

const load = JSON.parse(process.argv[2] ?? "{}") as FanOutLoad;

/** A masked text frame (RFC 6455, section 5.2); the mask is zero, so that the payload needs no change. */
function masked(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

/** Reads a server's frames: counts messages, and takes the time of each, which its text begins with. */
class Subscriber {
  #rest: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  #onText: (text: string) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(index: number, conversationId: string): Promise<void> {
    const token = await tokenFor(`subscriber-${index}`);
    const socket = connect(load.ports[index % load.ports.length] ?? 0, "127.0.0.1");
    socket.on("error", (error) => {
      process.stderr.write(`${index}: ${error.message}\n`);
      process.exit(1);
    });
    const head = ["GET /chat HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket"];
    const key = `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`;
    socket.write([...head, "Sec-WebSocket-Version: 13", key, `Authorization: Bearer ${token}`, "", ""].join("\r\n"));
    await once(socket, "data");
    const subscriber = new Subscriber(socket);
    socket.on("data", (data) => subscriber.#read(data));
    await subscriber.#ask({ type: "login", id: 0, device: { id: "d" }, binary: load.binary }, '"welcome"');
    await subscriber.#ask({ type: "subscribe", id: 1, conversationId }, '"subscribed"');
  }

  async #ask(frame: object, answer: string): Promise<void> {
    const answered = Promise.withResolvers<void>();
    this.#onText = (text) => {
      if (text.includes(answer)) answered.resolve();
      else if (text.includes('"error"')) answered.reject(new Error(text));
    };
    this.#socket.write(masked(JSON.stringify(frame)));
    await answered.promise;
  }

  #read(data: Buffer): void {
    const bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const short = (bytes[at + 1] ?? 0) & 127;
      const start = at + (short < 126 ? 2 : 4);
      const end = start + (short < 126 ? short : bytes.readUInt16BE(at + 2));
      if (end > bytes.length) break;
      this.#take((bytes[at] ?? 0) & 15, bytes.subarray(start, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === 9) this.#socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
    else if (opcode === 2 || payload.indexOf('{"type":"message"') === 0) note(payload);
    else if (opcode === 1) this.#onText(payload.toString());
  }
}

function note(payload: Buffer): void {
  if (!isMeasuring) return;
  deliveries++;
  const at = payload.indexOf("@@");
  const sentAt = Number(payload.toString("latin1", at + 2, at + 18));
  const tenths = Math.floor((performance.now() - sentAt) * 10);
  const place = Math.min(latencies.length - 1, Math.max(0, tenths));
  latencies[place] = (latencies[place] ?? 0) + 1;
}

function percentile(share: number): number {
  let left = deliveries * share;
  for (let place = 0; place < latencies.length; place++) {
    left -= latencies[place] ?? 0;
    if (left <= 0) return place / 10;
  }
  return latencies.length / 10;
}

async function openRoom(index: number): Promise<{ id: string; publisher: RawClient }> {
  const port = load.ports[index % load.ports.length] ?? 0;
  const publisher = await RawClient.login(port, await tokenFor(`publisher-${index}`));
  const rights = { subscribe: "anyone", publish: "members" } as const;
  const body = { clientId: "room", kind: "live" as const, title: "Room", memberIds: [], rights };
  const created = await publisher.request("create_conversation", body);
  if (created.type !== "conversation") throw new Error(created.type);
  return { id: created.conversation.id, publisher };
}

const rooms = await Promise.all(Array.from({ length: load.rooms }, (_, index) => openRoom(index)));
for (let from = 0; from < load.subscribers; from += PARALLEL) {
  const batch = Array.from({ length: Math.min(PARALLEL, load.subscribers - from) }, (_, offset) => from + offset);
  // By twos, so that each room has subscribers on both servers.
  const roomOf = (index: number) => rooms[Math.floor(index / load.ports.length) % rooms.length]?.id ?? "";
  await Promise.all(batch.map((index) => Subscriber.open(index, roomOf(index))));
}
process.stdout.write("ready\n");

const messagesPerMs = (load.deliveriesPerSecond * load.rooms) / load.subscribers / 1_000;
const started = performance.now();
let sent = 0;
const timer = setInterval(() => {
  for (const due = (performance.now() - started) * messagesPerMs; sent < due; sent++) {
    const room = rooms[sent % rooms.length];
    const text = `@@${performance.now().toFixed(4).padStart(16)} `.padEnd(LENGTH, "x");
    room?.publisher.post("send", { conversationId: room.id, clientId: `m${sent}`, text });
  }
}, TICK_MS);
await delay(WARM_UP_MS);
isMeasuring = true;
process.stdout.write("measuring\n");
await delay(load.seconds * 1_000);
isMeasuring = false;
const figures: FanOutFigures = { deliveries, p50: percentile(0.5), p99: percentile(0.99) };
process.stdout.write(`${JSON.stringify(figures)}\n`);
clearInterval(timer);
process.exit(0);
