import { ChatClient, type Transport } from "@chatcluster/client";
import type { DeviceNetwork } from "./device-network.ts";
import type { ApplicationHistory, Carried, ConversationHistory, History, Stay } from "./history.ts";
import type { Random } from "./random.ts";

export interface ApplicationOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly url: string;
  /** The best one first. */
  readonly transports: readonly Transport[];
  /** What the transports go through. */
  readonly network?: DeviceNetwork;
  readonly random: Random;
  readonly history: History;
}

/** Soon, so that a run sees many climbs. */
const CLIMB_AFTER_MS = 2_000;

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
  readonly network: DeviceNetwork | undefined;
  readonly #sending = new Set<Promise<void>>();
  #sent = 0;
  #transport = "none";

  constructor(options: ApplicationOptions) {
    const { userId, deviceId, token, history } = options;
    this.userId = userId;
    this.deviceId = deviceId;
    this.#history = history;
    this.#own = { userId, deviceId, carried: new Map(), messages: [], receipts: [] };
    history.applications.push(this.#own);
    this.network = options.network;
    this.#client = new ChatClient({
      url: options.url,
      token,
      device: { id: deviceId },
      transport: options.transports,
      climbAfterMs: CLIMB_AFTER_MS,
      backoff: { baseMs: 100, capMs: 1_000, random: () => options.random.next() },
      requestTimeoutMs: 5_000,
    });
    this.#client.on("connected", ({ transport }) => {
      this.#transport = transport;
      this.#carried().connections++;
    });
    this.#client.on("message", ({ id, conversationId, senderId, clientId, text }) => {
      this.#carried().received++;
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
    const text = `${clientId} by ${this.userId}`;
    const attempt = { senderId: this.userId, conversationId, clientId, text, at: this.#history.clock++ };
    this.#history.attempts.push(attempt);
    const sending = this.#client
      .send(conversationId, attempt.text, { clientId })
      .then(
        ({ messageId }) => {
          this.#carried().acknowledged++;
          const at = this.#history.clock++;
          this.#history.acknowledgements.push({ senderId: this.userId, clientId, messageId, at });
        },
        (error: unknown) => {
          if (!this.#isLeaving(conversationId)) this.errors.push(`${clientId} refused: ${String(error)}`);
        },
      )
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Makes somebody a member, and records when. */
  async invite({ id, stays }: ConversationHistory, userId: string): Promise<void> {
    const stay: Stay = { userId, invitingAt: this.#history.clock++ };
    stays.push(stay);
    await this.#client.invite(id, [userId]);
    stay.invitedAt = this.#history.clock++;
  }

  /** Ends a stay of this application's user. */
  async leave({ id }: ConversationHistory, stay: Stay): Promise<void> {
    stay.leavingAt = this.#history.clock++;
    await this.#client.leave(id);
    stay.leftAt = this.#history.clock++;
  }

  /** What somebody sends who is about to leave may come too late. */
  #isLeaving(conversationId: string): boolean {
    const conversation = this.#history.conversations.find(({ id }) => id === conversationId);
    return (
      conversation?.stays.some(({ userId, leavingAt }) => userId === this.userId && leavingAt !== undefined) ?? false
    );
  }

  /** Reads all that has come in a conversation. */
  read(conversationId: string): void {
    const last = this.#own.messages.findLast((message) => message.conversationId === conversationId);
    if (last) this.#client.markRead(conversationId, last.id);
  }

  /** Messages that wait for their acknowledgement. */
  get unacknowledged(): number {
    return this.#sending.size;
  }

  close(): void {
    this.#client.close();
  }

  /** Of the transport that is, or was last, in use. */
  #carried(): Carried {
    const carried = this.#own.carried.get(this.#transport) ?? { connections: 0, received: 0, acknowledged: 0 };
    this.#own.carried.set(this.#transport, carried);
    return carried;
  }
}
