import type { Welcome } from "@chatcluster/protocol";
import { encodeSend } from "@chatcluster/protocol/binary";
import { CloseCode, ErrorCode } from "@chatcluster/protocol/codes";
import { toBase64 } from "./base64.ts";
import { decode } from "./decode.ts";
import { ChatError, ClientErrorCode } from "./errors.ts";
import type { FrameOf, Request, ServerFrame } from "./frames.ts";
import type { Transport, TransportConnection, TransportTarget } from "./transport.ts";

export type AnswerType = Exclude<Extract<ServerFrame, { re?: number }>["type"], "error">;
export type AnswerOf<Type extends AnswerType> = FrameOf<Type>;
/** A frame that answers no request. */
export type EventFrame = Extract<
  ServerFrame,
  {
    type:
      | "message"
      | "receipt"
      | "conversation_added"
      | "conversation_changed"
      | "conversation_removed"
      | "typing"
      | "presence"
      | "offline_overflow"
      | "drain"
      | "resumed"
      | "subscribed"
      | "unsubscribed"
      | "error";
  }
>;

export interface ConnectionEvents {
  /** The login succeeded. Called before any event that follows it, since those may come in the same turn of the event loop. */
  onWelcome(welcome: Welcome): void;
  onEvent(frame: EventFrame): void;
  /** Once, when the connection is of no use any more. All open requests have been rejected by then. */
  onClose(code: number, reason: string): void;
}

interface Waiting {
  readonly expected: readonly AnswerType[];
  readonly resolve: (frame: ServerFrame) => void;
  readonly reject: (error: ChatError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** One connection from its opening to its end: requests with their answers, the login, and the heartbeat (design: 30 s, 10 s). */
export class Connection {
  readonly #events: ConnectionEvents;
  readonly #timeoutMs: number;
  readonly #opened: Promise<void>;
  readonly #open: TransportConnection;
  #resolveOpened: () => void = () => undefined;
  #rejectOpened: (error: ChatError) => void = () => undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #closed = false;
  #welcomed = false;
  /** Why the server does not let this connection in. */
  #refusal: ChatError | undefined;
  #retired = false;
  #pingTimer: ReturnType<typeof setTimeout> | undefined;
  #pongTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param timeoutMs how long a request, or the opening, may take, in milliseconds. */
  constructor(transport: Transport, target: TransportTarget, timeoutMs: number, events: ConnectionEvents) {
    this.#events = events;
    this.#timeoutMs = timeoutMs;
    this.#opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    // Awaited in `login`; a connection that ends before somebody asks is no unhandled rejection.
    this.#opened.catch(() => undefined);
    this.#open = transport.open(target, {
      onOpen: () => this.#resolveOpened(),
      onFrame: (frame) => this.#receive(frame),
      onClose: (code, reason) => this.#end(code, reason),
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Waits for the connection, logs in and starts the heartbeat.
   *
   * @param login asked once the connection is open, for until then it may go out of date.
   * @throws ChatError as `request` does.
   */
  async login(login: () => Omit<Extract<Request, { type: "login" }>, "type">): Promise<void> {
    const timer = setTimeout(
      () => this.close(CloseCode.PongTimeout, "the connection did not open in time"),
      this.#timeoutMs,
    );
    try {
      await this.#opened;
    } finally {
      clearTimeout(timer);
    }
    await this.request({ type: "login", ...login(), ...(this.#open.takesBinary && { binary: true }) }, "welcome");
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws ChatError the server's, or `connection_lost`, `timeout`, `protocol_error`.
   */
  request<Type extends AnswerType>(request: Request, ...expected: Type[]): Promise<AnswerOf<Type>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ChatError(ClientErrorCode.ConnectionLost, "the connection is closed"));
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new ChatError(ClientErrorCode.Timeout, `no answer to ${request.type} within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#waiting.set(id, { expected, resolve: resolve as (frame: ServerFrame) => void, reject, timer });
      this.#open.send(this.#encode(request, id));
    });
  }

  /** The client knows all conversations of its user by now. */
  listed(): void {
    this.#open.listed?.();
  }

  /** Ends the connection at once; `onClose` is called before this returns, also if the other side is gone and never answers. */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#open.close(code, reason);
    this.#end(code, reason);
  }

  /** Ends the connection as soon as no request waits for its answer, at the latest after `withinMs`. Events are still handed over. */
  retire(withinMs: number): void {
    this.#retired = true;
    const timer = setTimeout(() => this.close(1000, "moved"), withinMs);
    const wait = () => {
      if (this.#waiting.size > 0) return;
      clearTimeout(timer);
      this.close(1000, "moved");
    };
    this.#onSettled = wait;
    wait();
  }
  #onSettled: () => void = () => undefined;

  #encode(request: Request, id: number): string | Uint8Array {
    if (request.type !== "publish") return JSON.stringify({ ...request, id });
    const { conversationId, clientId, data } = request;
    if (this.#open.takesBinary) return encodeSend({ id, conversationId, clientId, content: data });
    return JSON.stringify({ ...request, data: toBase64(data), id });
  }

  #receive(received: string | Uint8Array): void {
    if (this.#closed) return;
    let frame: ServerFrame | undefined;
    try {
      frame = decode(received);
    } catch (error) {
      // Nothing after it can be trusted. A close code below 4400, so that the client comes back and resumes.
      this.close(4000, error instanceof Error ? error.message : "protocol error");
      return;
    }
    // Whatever arrives shows that the other side lives.
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
    if (!frame) return;
    if ("re" in frame && frame.re !== undefined) this.#settle(frame.re, frame);
    else if (frame.type === "error" && !this.#welcomed) this.#refusal = errorOf(frame);
    else this.#events.onEvent(frame as EventFrame);
  }

  #settle(re: number, frame: ServerFrame): void {
    const waiting = this.#waiting.get(re);
    if (!waiting) {
      // A poll found another server, and has logged in there. Else the request timed out before: its answer comes too late for anybody.
      if (frame.type === "welcome" && this.#welcomed && !this.#retired) this.#onWelcome(frame);
      return;
    }
    this.#waiting.delete(re);
    clearTimeout(waiting.timer);
    if (frame.type === "error") {
      waiting.reject(errorOf(frame));
    } else if ((waiting.expected as readonly string[]).includes(frame.type)) {
      if (frame.type === "welcome") this.#onWelcome(frame);
      waiting.resolve(frame);
    } else {
      waiting.reject(
        new ChatError(
          ClientErrorCode.ProtocolError,
          `expected ${waiting.expected.join(" or ")}, the server sent ${frame.type}`,
        ),
      );
    }
    this.#onSettled();
  }

  #onWelcome(welcome: Welcome): void {
    this.#welcomed = true;
    clearTimeout(this.#pingTimer);
    this.#startHeartbeat(welcome);
    this.#events.onWelcome(welcome);
  }

  #startHeartbeat({ pingIntervalMs, pongTimeoutMs, streamId }: Welcome): void {
    // Over a stream the server learns only by this that somebody reads it.
    const ping: Request = { type: "ping", ...(streamId !== undefined && { streamId }) };
    const beat = () => {
      if (this.#closed || this.#retired) return;
      this.#pongTimer ??= setTimeout(
        () => this.close(CloseCode.PongTimeout, `no pong within ${pongTimeoutMs} ms`),
        pongTimeoutMs,
      );
      // Its end is told by `#pongTimer` and `onClose`; nobody waits for the answer.
      this.request(ping, "pong").catch(() => undefined);
      this.#pingTimer = setTimeout(beat, pingIntervalMs);
    };
    this.#pingTimer = setTimeout(beat, pingIntervalMs);
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    const error =
      this.#refusal ??
      new ChatError(ClientErrorCode.ConnectionLost, `the connection ended (${code}${reason && `, ${reason}`})`);
    this.#rejectOpened(error);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
    this.#onSettled();
    this.#events.onClose(code, reason);
  }
}

function errorOf({ code, message, retryAfterMs }: FrameOf<"error">): ChatError {
  const known = (Object.values(ErrorCode) as string[]).includes(code) ? code : ErrorCode.Internal;
  return new ChatError(known, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
