import { ChatClient, type Transport, type TransportConnection, type TransportEvents } from "@chatcluster/client";
import type { ApplicationHistory, History } from "./history.ts";
import type { Random } from "./random.ts";

export interface ApplicationOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly transport: Transport;
  /** Base addresses of all servers: any will do for any connection. */
  readonly addresses: () => readonly string[];
  readonly random: Random;
  readonly history: History;
}

/** An application on one device: it uses the client package as anybody would, and records what it asks for and what it is given. */
export class Application {
  readonly userId: string;
  readonly deviceId: string;
  /** Conversations that the application has heard of. */
  readonly conversations = new Set<string>();
  readonly errors: string[] = [];
  readonly #client: ChatClient;
  readonly #history: History;
  readonly #own: ApplicationHistory;
  readonly #network: DeviceNetwork;
  readonly #sending = new Set<Promise<void>>();
  #sent = 0;

  constructor(options: ApplicationOptions) {
    const { userId, deviceId, token, history } = options;
    this.userId = userId;
    this.deviceId = deviceId;
    this.#history = history;
    this.#own = { userId, deviceId, messages: [], receipts: [] };
    history.applications.push(this.#own);
    this.#network = new DeviceNetwork(options.transport, options.addresses, options.random);
    this.#client = new ChatClient({
      // Which server it is, the device's network decides for each connection.
      url: "ws://127.0.0.1/chat",
      token,
      device: { id: deviceId },
      transport: this.#network,
      backoff: { baseMs: 100, capMs: 1_000, random: () => options.random.next() },
      requestTimeoutMs: 5_000,
    });
    this.#client.on("message", ({ id, conversationId, senderId, clientId, text }) => {
      this.#own.messages.push({ id, conversationId, senderId, clientId, text });
    });
    this.#client.on("receipt", ({ conversationId, userId, kind, upTo }) => {
      this.#own.receipts.push({ conversationId, userId, kind, upTo });
    });
    this.#client.on("conversation", ({ id }) => this.conversations.add(id));
    this.#client.on("closed", ({ error }) => {
      if (error) this.errors.push(`closed for good: ${error.code}: ${error.message}`);
    });
  }

  connect(): Promise<void> {
    return this.#client.connect();
  }

  async createGroup(memberIds: readonly string[]): Promise<string> {
    const conversation = await this.#client.createConversation({ kind: "group", memberIds: [...memberIds] });
    this.conversations.add(conversation.id);
    return conversation.id;
  }

  async createDirect(userId: string): Promise<string> {
    const conversation = await this.#client.createConversation({ kind: "direct", memberIds: [userId] });
    this.conversations.add(conversation.id);
    return conversation.id;
  }

  /** Asks for a message to be sent; `settled` tells when all have been. */
  send(conversationId: string): void {
    const clientId = `${this.deviceId}-${++this.#sent}`;
    const attempt = { senderId: this.userId, conversationId, clientId, text: `${clientId} by ${this.userId}` };
    this.#history.attempts.push(attempt);
    const sending = this.#client
      .send(conversationId, attempt.text, { clientId })
      .then(
        ({ messageId }) => void this.#history.acknowledgements.push({ senderId: this.userId, clientId, messageId }),
        (error: unknown) => void this.errors.push(`${clientId} refused: ${String(error)}`),
      )
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Reads all that has come in a conversation. */
  read(conversationId: string): void {
    const last = this.#own.messages.findLast((message) => message.conversationId === conversationId);
    if (last) this.#client.markRead(conversationId, last.id);
  }

  /** Takes the device off the network, or gives it back. */
  set offline(offline: boolean) {
    this.#network.offline = offline;
  }

  /** Messages that wait for their acknowledgement. */
  get unacknowledged(): number {
    return this.#sending.size;
  }

  close(): void {
    this.#client.close();
  }
}

/** The network of one device: each connection goes to a server picked at random, unless the device is offline. */
class DeviceNetwork implements Transport {
  readonly name: string;
  readonly #transport: Transport;
  readonly #addresses: () => readonly string[];
  readonly #random: Random;
  readonly #open = new Set<() => void>();
  #offline = false;

  constructor(transport: Transport, addresses: () => readonly string[], random: Random) {
    this.name = transport.name;
    this.#transport = transport;
    this.#addresses = addresses;
    this.#random = random;
  }

  set offline(offline: boolean) {
    this.#offline = offline;
    if (offline) for (const drop of [...this.#open]) drop();
  }

  open({ token }: { token: string }, events: TransportEvents): TransportConnection {
    let over = false;
    let drop: () => void = () => undefined;
    const close = (code: number, reason: string) => {
      if (over) return;
      over = true;
      this.#open.delete(drop);
      events.onClose(code, reason);
    };
    if (this.#offline) {
      queueMicrotask(() => close(1006, "the device is offline"));
      return { send: () => undefined, close: () => undefined };
    }
    const url = this.#random.pick(this.#addresses());
    const connection = this.#transport.open(
      { url, token },
      {
        onOpen: () => over || events.onOpen(),
        onFrame: (text) => over || events.onFrame(text),
        onClose: close,
      },
    );
    drop = () => {
      connection.close(1000, "the device is offline");
      close(1006, "the device is offline");
    };
    this.#open.add(drop);
    return { send: (text) => over || connection.send(text), close: (code, reason) => connection.close(code, reason) };
  }
}
