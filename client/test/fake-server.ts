import { setImmediate } from "node:timers/promises";
import type { ClientFrame, Message, Position, ServerFrame } from "@chatcluster/protocol";
import { ChatClient, type ChatClientOptions } from "../src/index.ts";
import type { Transport, TransportConnection, TransportEvents, TransportTarget } from "../src/transport.ts";

/** How the server answers a frame by itself; `undefined` leaves it unanswered. */
export type Responder = (frame: ClientFrame, connection: FakeConnection) => ServerFrame | undefined;

/** The server's end of one connection. */
export class FakeConnection implements TransportConnection {
  readonly target: TransportTarget;
  readonly received: ClientFrame[] = [];
  readonly #events: TransportEvents;
  readonly #server: FakeServer;
  /** How the client closed it. */
  closedByClient: { code: number; reason: string } | undefined;
  #over = false;

  constructor(server: FakeServer, target: TransportTarget, events: TransportEvents) {
    this.#server = server;
    this.target = target;
    this.#events = events;
  }

  /** Frames of one type that the client sent on this connection. */
  of<Type extends ClientFrame["type"]>(type: Type): Extract<ClientFrame, { type: Type }>[] {
    return this.received.filter((frame) => frame.type === type) as Extract<ClientFrame, { type: Type }>[];
  }

  open(): void {
    this.#events.onOpen();
  }

  emit(...frames: ServerFrame[]): void {
    for (const frame of frames) if (!this.#over) this.#events.onFrame(JSON.stringify(frame));
  }

  emitText(text: string): void {
    this.#events.onFrame(text);
  }

  drop(code = 1006, reason = ""): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onClose(code, reason);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    this.received.push(frame);
    const answer = this.#server.responder(frame, this) ?? this.#server.answer(frame);
    // As over a network: the answer comes after the call.
    if (answer) queueMicrotask(() => this.emit(answer));
  }

  close(code: number, reason: string): void {
    this.closedByClient ??= { code, reason };
  }
}

/** A scripted server over a transport in memory: it logs in whoever comes and has no conversations, unless `responder` says otherwise. */
export class FakeServer implements Transport {
  readonly name = "fake";
  readonly connections: FakeConnection[] = [];
  responder: Responder = () => undefined;
  /** Frame types that get no answer unless from `responder`. */
  readonly silent = new Set<ClientFrame["type"]>();
  /** Whether new connections open by themselves. */
  accepting = true;

  open(target: TransportTarget, events: TransportEvents): TransportConnection {
    const connection = new FakeConnection(this, target, events);
    this.connections.push(connection);
    queueMicrotask(() => {
      if (this.accepting) connection.open();
      else connection.drop();
    });
    return connection;
  }

  get last(): FakeConnection {
    const connection = this.connections.at(-1);
    if (!connection) throw new Error("the client has not connected");
    return connection;
  }

  answer(frame: ClientFrame): ServerFrame | undefined {
    const re = frame.id;
    if (this.silent.has(frame.type)) return undefined;
    switch (frame.type) {
      case "login":
        return {
          type: "welcome",
          re,
          userId: "ada",
          serverId: "s1",
          pingIntervalMs: 30_000,
          pongTimeoutMs: 10_000,
          limits: { textLength: 16_384, dataBytes: 48_000, members: 1_024, subscriptions: 100 },
        };
      case "ping":
        return { type: "pong", re };
      case "list_conversations":
        return { type: "conversations", re, conversations: [] };
      case "receipt":
        return { type: "ok", re };
      default:
        return undefined;
    }
  }
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await setImmediate();
}

/** A client on a fake server, with its messages as they come; back-off without chance: each wait is the bound's half. */
export function fakeClient(server: FakeServer, options: Partial<ChatClientOptions> = {}) {
  const client = new ChatClient({
    url: "ws://fake/chat",
    token: "token",
    device: { id: "phone" },
    transport: server,
    backoff: { random: () => 0.5 },
    ...options,
  });
  const messages: string[] = [];
  client.on("message", ({ text }) => messages.push(text));
  return { client, messages };
}

/** The n-th message of conversation `c1`: id, time and text follow from n. */
export function message(n: number, senderId = "bob"): Message {
  return {
    id: `0000${String(n).padStart(6, "0")}0000000000000000`,
    conversationId: "c1",
    senderId,
    clientId: `m${n}`,
    sentAt: n,
    text: String(n),
  };
}

export function position(offset: number, epoch = "e1"): Position {
  return { epoch, offset };
}

/** The n-th message as the n-th event of the log. */
export function event(n: number, epoch = "e1"): ServerFrame {
  return { type: "message", message: message(n), position: position(n, epoch) };
}
