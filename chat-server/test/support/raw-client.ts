import { once } from "node:events";
import type { Transport } from "@chatcluster/client";
import { type ClientFrame, decodeMessage, type ServerFrame } from "@chatcluster/protocol";
import { WebSocket } from "ws";

type FrameOf<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;
type MessageFrame = FrameOf<"message">;
/** A request without what every request has. */
type Body<Type extends ClientFrame["type"]> = Omit<Extract<ClientFrame, { type: Type }>, "type" | "id">;

const TIMEOUT_MS = 15_000;

/** What carries a raw client's frames. */
interface Link {
  send(text: string): void;
  close(): void;
  /** As a death: without a word. */
  terminate(): void;
}

/** A client that does nothing by itself: it keeps what it gets, and answers nothing. */
export class RawClient {
  readonly received: ServerFrame[] = [];
  /** How many of them came as binary frames. */
  binaryFrames = 0;
  #webSocket: WebSocket | undefined;
  #link: Link | undefined;
  /** Code and reason, once closed. */
  closed: { code: number; reason: string } | undefined;
  #nextId = 1;
  #waiting: (() => void)[] = [];

  /** For what only a WebSocket can do. */
  get webSocket(): WebSocket {
    if (!this.#webSocket) throw new Error("this client is on another transport");
    return this.#webSocket;
  }

  static async connect(port: number, token: string, options: { autoPong?: boolean } = {}): Promise<RawClient> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/chat`, {
      headers: { authorization: `Bearer ${token}` },
      ...options,
    });
    const client = new RawClient();
    client.#webSocket = webSocket;
    client.#link = {
      send: (text) => webSocket.send(text),
      close: () => webSocket.close(1000),
      terminate: () => webSocket.terminate(),
    };
    webSocket.on("message", (data, isBinary) => client.#receive(isBinary ? (data as Buffer) : data.toString()));
    webSocket.on("close", (code, reason) => client.#closed(code, reason.toString()));
    // What went wrong is in the close code.
    webSocket.on("error", () => client.#wake());
    await once(webSocket, "open");
    return client;
  }

  /** Connects by another transport, of which `cut` is the death. */
  static async over(transport: Transport, cut: () => void, port: number, token: string): Promise<RawClient> {
    const client = new RawClient();
    const opened = Promise.withResolvers<void>();
    const connection = transport.open(
      { url: `ws://127.0.0.1:${port}/chat`, token },
      {
        onOpen: () => opened.resolve(),
        onFrame: (frame) => client.#receive(frame),
        onClose: (code, reason) => client.#closed(code, reason),
      },
    );
    client.#link = {
      send: (text) => connection.send(text),
      close: () => connection.close(1000, "done"),
      terminate: cut,
    };
    await opened.promise;
    return client;
  }

  /** Connects and logs in. */
  static async login(port: number, token: string, body: Partial<Body<"login">> = {}): Promise<RawClient> {
    const client = await RawClient.connect(port, token);
    await client.login(body);
    return client;
  }

  async login(body: Partial<Body<"login">> = {}): Promise<void> {
    await this.request("login", { device: { id: "test" }, ...body });
  }

  sendText(text: string): void {
    if (!this.#link) throw new Error("not connected");
    this.#link.send(text);
  }

  /** Sends without waiting; returns the id. */
  post<Type extends ClientFrame["type"]>(type: Type, body: Body<Type>): number {
    const id = this.#nextId++;
    this.sendText(JSON.stringify({ type, id, ...body }));
    return id;
  }

  /** Sends and waits for the answer, which may be an error. */
  async ask<Type extends ClientFrame["type"]>(type: Type, body: Body<Type>): Promise<ServerFrame> {
    const id = this.post(type, body);
    return this.until(() => this.received.find((frame) => "re" in frame && frame.re === id), `the answer to ${type}`);
  }

  /** Sends and waits for an answer that is no error. */
  async request<Type extends ClientFrame["type"]>(type: Type, body: Body<Type>): Promise<ServerFrame> {
    const answer = await this.ask(type, body);
    if (answer.type === "error") throw new Error(`${type}: ${answer.code}: ${answer.message}`);
    return answer;
  }

  async createDirect(other: string): Promise<FrameOf<"conversation">> {
    const body = { clientId: `with-${other}`, kind: "direct" as const, memberIds: [other] };
    return (await this.request("create_conversation", body)) as FrameOf<"conversation">;
  }

  async sendMessage(conversationId: string, clientId: string, text = clientId): Promise<FrameOf<"sent">> {
    return (await this.request("send", { conversationId, clientId, text })) as FrameOf<"sent">;
  }

  frames<Type extends ServerFrame["type"]>(type: Type): FrameOf<Type>[] {
    return this.received.filter((frame): frame is FrameOf<Type> => frame.type === type);
  }

  messages(conversationId?: string): MessageFrame[] {
    return this.frames("message").filter((frame) => !conversationId || frame.message.conversationId === conversationId);
  }

  texts(conversationId?: string): string[] {
    return this.messages(conversationId).map((frame) => frame.message.text);
  }

  /** Waits until the condition holds, looking after each frame. */
  async until<Value>(condition: () => Value | undefined | false, what: string, timeoutMs = TIMEOUT_MS): Promise<Value> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const value = condition();
      if (value !== undefined && value !== false) return value;
      if (this.closed && !what.startsWith("close"))
        throw new Error(`closed ${JSON.stringify(this.closed)} before ${what}`);
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`${what} did not come in ${timeoutMs} ms; got ${JSON.stringify(this.received.slice(-5))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  untilClosed(timeoutMs?: number): Promise<{ code: number; reason: string }> {
    return this.until(() => this.closed, "close", timeoutMs);
  }

  async close(): Promise<void> {
    this.#link?.close();
    await this.untilClosed();
  }

  terminate(): void {
    this.#link?.terminate();
  }

  #receive(received: string | Uint8Array): void {
    if (typeof received === "string") this.received.push(JSON.parse(received) as ServerFrame);
    else this.#receiveBinary(received);
    this.#wake();
  }

  /** Kept as the JSON frame that it stands for. */
  #receiveBinary(bytes: Uint8Array): void {
    const { content, position, ...names } = decodeMessage(bytes);
    const body =
      typeof content === "string" ? { text: content } : { text: "", data: Buffer.from(content).toString("base64") };
    this.binaryFrames++;
    this.received.push({ type: "message", message: { ...names, ...body }, position });
  }

  #closed(code: number, reason: string): void {
    this.closed = { code, reason };
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
