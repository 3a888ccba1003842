import { setTimeout } from "k6/timers";
import { mayReconnect } from "../../protocol/src/codes.ts";
import type { ClientFrame, Message, Position, ServerFrame } from "../../protocol/src/index.ts";
import { connectErrors, connectionLosses, refused } from "./metrics.ts";
import type { Settings } from "./settings.ts";
import { signToken } from "./token.ts";
import { WebSocket } from "./websocket.ts";

type WithoutId<Frame> = Frame extends ClientFrame ? Omit<Frame, "id"> : never;
export type Request = WithoutId<ClientFrame>;
export type Answer = (answer: ServerFrame) => void;

const MAX_RECONNECT_WAIT_MS = 2_000;

export interface ChatSocketEvents {
  /** @param mayRepeat the contract allows this one to have come before: it follows on a resume. */
  onMessage(message: Message, mayRepeat: boolean): void;
  /** Logged in: for the first time, or again after a loss. */
  onReady(): void;
  /** A request was refused, or its connection was lost: it will get no answer. */
  onUnanswered(request: Request): void;
}

/** One user's connection as light as can be, since the load comes from many of them. It reconnects and resumes. */
export class ChatSocket {
  readonly userId: string;
  readonly #settings: Settings;
  readonly #token: string;
  readonly #events: ChatSocketEvents;
  readonly #waiting = new Map<number, { request: Request; answer: Answer }>();
  readonly #positions: Record<string, Position> = {};
  #socket: InstanceType<typeof WebSocket> | undefined;
  #nextId = 0;
  #ready = false;
  #resumed = false;
  #closing = false;

  constructor(settings: Settings, userId: string, events: ChatSocketEvents) {
    this.userId = userId;
    this.#settings = settings;
    this.#token = signToken(settings, userId);
    this.#events = events;
  }

  get ready(): boolean {
    return this.#ready;
  }

  connect(): void {
    const socket = new WebSocket(`${this.#settings.url}?token=${this.#token}`);
    let opened = false;
    let ended = false;
    this.#socket = socket;
    const end = (code: number) => {
      if (ended) return;
      ended = true;
      this.#onEnd(opened, code);
    };
    socket.addEventListener("open", () => {
      opened = true;
      const positions = { ...this.#positions };
      this.request({ type: "login", device: { id: `${this.userId}-device` }, positions }, () => {
        this.#ready = true;
        this.#events.onReady();
      });
    });
    socket.addEventListener("message", (event) => this.#receive(JSON.parse((event as { data: string }).data)));
    // k6 1.1 tells of a refused handshake by `error` alone, and of a lost connection by `error`, `close` or both.
    socket.addEventListener("error", () => end(1006));
    socket.addEventListener("close", (event) => end((event as { code?: number }).code ?? 1006));
  }

  /** Sends a request. `answer` is called with its answer unless that is an error. */
  request(request: Request, answer: Answer): void {
    const id = this.#nextId++;
    this.#waiting.set(id, { request, answer });
    this.#socket?.send(JSON.stringify({ ...request, id }));
  }

  close(): void {
    this.#closing = true;
    this.#ready = false;
    this.#socket?.close(1000);
  }

  #receive(frame: ServerFrame): void {
    if (frame.type === "message") this.#onMessage(frame.message, frame.position);
    else if (frame.type === "conversation_added" && frame.position)
      this.#positions[frame.conversation.id] ??= frame.position;
    else if (frame.type === "resumed") this.#onResumed(frame);
    else if ("re" in frame && frame.re !== undefined) this.#settle(frame.re, frame);
    else if (frame.type === "error") this.#refuse(frame.code, frame.message);
  }

  #onMessage(message: Message, position: Position | undefined): void {
    const last = this.#positions[message.conversationId];
    // Contract: at least once on the wire, where a resume overlaps with what came before. A new place in the log is never a repetition.
    const passed = !position || position.epoch !== last?.epoch || position.offset <= last.offset;
    if (position) this.#positions[message.conversationId] = position;
    this.#events.onMessage(message, this.#resumed && passed);
  }

  #onResumed({ conversationId, recovered, position }: Extract<ServerFrame, { type: "resumed" }>): void {
    if (recovered) return;
    this.#positions[conversationId] = position;
    this.#fetchHistory(conversationId, undefined);
  }

  /** Newest first, one page: the load's rooms are young, and the room's check tells what is missing or comes twice. */
  #fetchHistory(conversationId: string, before: string | undefined): void {
    const page = {
      type: "fetch_history",
      conversationId,
      limit: 100,
      ...(before !== undefined && { before }),
    } as const;
    this.request(page, (answer) => {
      if (answer.type !== "history") return;
      for (const message of answer.messages) this.#events.onMessage(message, true);
      const last = answer.messages.at(-1);
      if (answer.more && last) this.#fetchHistory(conversationId, last.id);
    });
  }

  #settle(re: number, frame: ServerFrame): void {
    const waiting = this.#waiting.get(re);
    if (!waiting) return;
    this.#waiting.delete(re);
    if (frame.type === "error") {
      this.#refuse(frame.code, `${waiting.request.type}: ${frame.message}`);
      this.#events.onUnanswered(waiting.request);
    } else waiting.answer(frame);
  }

  #refuse(code: string, text: string): void {
    refused.add(1, { code });
    // biome-ignore lint/suspicious/noConsole: k6 has no other way to write a line of log
    console.warn(`${this.userId}: ${code}: ${text}`);
  }

  #onEnd(opened: boolean, code: number): void {
    this.#ready = false;
    const unanswered = [...this.#waiting.values()];
    this.#waiting.clear();
    if (this.#closing) return;
    this.#resumed ||= opened;
    (opened ? connectionLosses : connectErrors).add(1, { code: String(code) });
    for (const { request } of unanswered) this.#events.onUnanswered(request);
    if (mayReconnect(code)) setTimeout(() => !this.#closing && this.connect(), Math.random() * MAX_RECONNECT_WAIT_MS);
  }
}
