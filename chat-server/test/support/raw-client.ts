import { once } from "node:events";
import type { ClientFrame, ServerFrame } from "@chatcluster/protocol";
import { WebSocket } from "ws";

type FrameOf<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;
type MessageFrame = FrameOf<"message">;
/** A request without what every request has. */
type Body<Type extends ClientFrame["type"]> = Omit<Extract<ClientFrame, { type: Type }>, "type" | "id">;

const TIMEOUT_MS = 15_000;

/** A client that does nothing by itself: it keeps what it gets, and answers nothing. */
export class RawClient {
  readonly received: ServerFrame[] = [];
  readonly webSocket: WebSocket;
  /** Code and reason, once closed. */
  closed: { code: number; reason: string } | undefined;
  #nextId = 1;
  #waiting: (() => void)[] = [];

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on("message", (data) => {
      this.received.push(JSON.parse(data.toString()) as ServerFrame);
      this.#wake();
    });
    webSocket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
    // What went wrong is in the close code.
    webSocket.on("error", () => this.#wake());
  }

  static async connect(port: number, token: string, options: { autoPong?: boolean } = {}): Promise<RawClient> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/chat`, {
      headers: { authorization: `Bearer ${token}` },
      ...options,
    });
    const client = new RawClient(webSocket);
    await once(webSocket, "open");
    return client;
  }

  /** Connects and logs in. */
  static async login(port: number, token: string, body: Partial<Body<"login">> = {}): Promise<RawClient> {
    const client = await RawClient.connect(port, token);
    await client.request("login", { device: { id: "test" }, ...body });
    return client;
  }

  sendText(text: string): void {
    this.webSocket.send(text);
  }

  /** Sends without waiting; returns the id. */
  post<Type extends ClientFrame["type"]>(type: Type, body: Body<Type>): number {
    const id = this.#nextId++;
    this.webSocket.send(JSON.stringify({ type, id, ...body }));
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
    this.webSocket.close(1000);
    await this.untilClosed();
  }

  terminate(): void {
    this.webSocket.terminate();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
