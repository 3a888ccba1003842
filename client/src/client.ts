import type { ChangeFrame, Conversation, ReceiptKind, Rights, Role } from "@chatcluster/protocol";
import { MAX_POSITIONS } from "@chatcluster/protocol/limits";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { AnswerOf, AnswerType, EventFrame } from "./connection.ts";
import { abortable, delay } from "./delay.ts";
import { Emitter } from "./emitter.ts";
import { ChatError, ClientErrorCode, isRetryable } from "./errors.ts";
import type { FrameOf as Frame, Message, Request } from "./frames.ts";
import { LiveInterest } from "./live-interest.ts";
import type { CallOptions, ChangeOptions, ChatClientOptions, ChatEvents, NewConversation } from "./options.ts";
import { Outbox, type SentMessage } from "./outbox.ts";
import { ReceiptMarks } from "./receipt-marks.ts";
import { Receipts } from "./receipts.ts";
import { MemoryOutboxStore, type OutboxEntry } from "./store.ts";
import type { SubscribeOptions, Subscription } from "./subscription.ts";
import { isLive, Subscriptions } from "./subscriptions.ts";
import { Supervisor } from "./supervisor.ts";
import { Synchronizer } from "./synchronizer.ts";
import { defaultTransports } from "./transports.ts";

type Unnamed<Frame> = Frame extends ChangeFrame ? Omit<Frame, "id" | "clientId"> : never;
type Change = Unnamed<ChangeFrame>;

/**
 * One user's chat on one device. Add listeners first, then `connect()`: what the device missed comes right after the login.
 *
 * Calls made while there is no connection wait for one. All calls can safely be sent again, and are, until they are answered.
 */
export class ChatClient extends Emitter<ChatEvents> {
  readonly #abort = new AbortController();
  readonly #supervisor: Supervisor;
  readonly #synchronizer: Synchronizer;
  readonly #subscriptions: Subscriptions;
  readonly #outbox: Outbox;
  readonly #receipts: Receipts;
  readonly #interest: LiveInterest;
  readonly #receiptMarks = new ReceiptMarks();
  readonly #backoff: BackoffOptions;
  #userId: string | undefined;
  #starting: Promise<void> | undefined;

  constructor(options: ChatClientOptions) {
    super();
    const { signal } = this.#abort;
    const connected = () => this.#supervisor.connection !== undefined;
    const failed = (error: unknown) => this.#report(error);
    this.#backoff = options.backoff ?? {};
    this.#supervisor = new Supervisor(
      {
        url: options.url,
        token: options.token,
        device: options.device,
        transports: [options.transport ?? defaultTransports()].flat(),
        climbAfterMs: options.climbAfterMs ?? 60_000,
        backoff: this.#backoff,
        stableAfterMs: options.stableAfterMs ?? 10_000,
        requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
      },
      {
        progress: () => {
          const live = this.#subscriptions.positions();
          const { positions, complete } = this.#synchronizer.progress(MAX_POSITIONS - Object.keys(live).length);
          return { positions: { ...positions, ...live }, complete };
        },
        onConnected: ({ userId, serverId, limits }, positions, transport) => {
          this.#userId = userId;
          this.emit("connected", { userId, serverId, transport: transport.name, limits });
          this.#outbox.flush();
          this.#interest.renew();
          this.#subscriptions.afterLogin(positions);
          void this.#afterLogin(userId, positions);
        },
        onEvent: (frame) => this.#onEvent(frame),
        onDisconnected: (end) => {
          this.#receipts.pause();
          this.emit("disconnected", end);
        },
        onError: (error) => this.emit("error", error),
        onRefused: (error) => this.#end(error),
      },
      signal,
    );
    this.#synchronizer = new Synchronizer(
      {
        deliver: (message) => this.#deliver(message),
        changed: ({ conversationId, change }) => this.emit("conversation_changed", { conversationId, change }),
        flushed: ({ conversationId, id }) => this.#receipts.add("delivered", conversationId, id),
        failed,
        request: (request, expected) => this.#request(request, expected),
        connected,
        listed: () => this.#supervisor.connection?.listed(),
      },
      signal,
    );
    this.#subscriptions = new Subscriptions(
      {
        request: (request, ...expected) => this.#request(request, ...expected),
        connected,
        publish: (conversationId, content, options) => this.publish(conversationId, content, options),
        failed,
      },
      this.#backoff,
      signal,
    );
    this.#outbox = new Outbox(
      options.outbox ?? new MemoryOutboxStore(),
      {
        send: async ({ conversationId, clientId, text, data }) => {
          const request: Request = data
            ? { type: "publish", conversationId, clientId, data }
            : { type: "send", conversationId, clientId, text };
          const { messageId, sentAt } = await this.#request(request, "sent");
          return { conversationId, clientId, messageId, sentAt };
        },
        connected,
        sent: (sent) => this.emit("sent", sent),
        failed: (entry, error) => this.emit("send_failed", { entry, error }),
      },
      this.#backoff,
      signal,
    );
    this.#interest = new LiveInterest(
      {
        request: (request, expected) => this.#request(request, expected),
        connected,
        typing: (notice) => this.emit("typing", notice),
        presence: (presence) => this.emit("presence", presence),
        failed,
      },
      signal,
    );
    this.#receipts = new Receipts(
      {
        send: async (conversationId, kind, upTo) => {
          await this.#request({ type: "receipt", conversationId, kind, upTo }, "ok");
        },
        connected,
        failed,
      },
      options.receiptDelayMs ?? 50,
      signal,
    );
  }

  /** The user, as the server knows it from the token; undefined before the first connection. */
  get userId(): string | undefined {
    return this.#userId;
  }

  /** Whether there is a connection at the moment. */
  get connected(): boolean {
    return this.#supervisor.connection !== undefined;
  }

  /** Messages in the outbox: not acknowledged yet, of each conversation in their order. With those of an earlier life once `connect` has begun. */
  get unsent(): OutboxEntry[] {
    return this.#outbox.entries;
  }

  /**
   * Connects and stays connected until `close()`. Resolves once the first login is done; tries on until then.
   *
   * @param options.signal ends the wait, and closes the client.
   * @throws ChatError the server's final refusal, or `closed`; the signal's reason if that aborts.
   */
  async connect({ signal }: CallOptions = {}): Promise<void> {
    this.#abort.signal.throwIfAborted();
    signal?.throwIfAborted();
    const abort = () => this.#end(undefined, signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      this.#starting ??= this.#start();
      await this.#starting;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Sends a message. Resolves when the server has stored it; until then it is kept in the outbox and sent again as often as needed.
   *
   * @param options.clientId the client's name for it [a random UUID]; sending twice under one name stores one message.
   * @param options.signal withdraws the message: it is not sent (again), but may have been stored already.
   * @throws ChatError `message_too_long`, `conversation_not_found`, `forbidden`, `expired`, `store_failed`, `closed`, ….
   */
  send(
    conversationId: string,
    text: string,
    { clientId = crypto.randomUUID(), signal }: CallOptions & { clientId?: string } = {},
  ): Promise<SentMessage> {
    return this.#outbox.add({ clientId, conversationId, text, createdAt: Date.now() }, signal);
  }

  /**
   * Sends a text or bytes to a live conversation, which need not be subscribed to for that. Kept, and sent again, as by {@link send}.
   *
   * @param content a text of up to 16,384 UTF-16 units, or up to 48,000 bytes.
   */
  publish(
    conversationId: string,
    content: string | Uint8Array,
    { clientId = crypto.randomUUID(), signal }: CallOptions & { clientId?: string } = {},
  ): Promise<SentMessage> {
    const body = typeof content === "string" ? { text: content } : { text: "", data: content };
    return this.#outbox.add({ clientId, conversationId, ...body, createdAt: Date.now() }, signal);
  }

  /**
   * Subscribes to a live conversation, now or as soon as there is a connection, and on each one after it. Add listeners at once: events
   * come later than this returns.
   *
   * @throws ChatError `already_subscribed`, `closed`. What the server has against it is told by `ended`, and by `ready`.
   */
  subscribe(conversationId: string, options: SubscribeOptions = {}): Subscription {
    return this.#subscriptions.subscribe(conversationId, options);
  }

  /** Creates a conversation, or gives the direct one that exists between the two. The user is always a member. */
  async createConversation(
    { clientId = crypto.randomUUID(), ...conversation }: NewConversation,
    { signal }: CallOptions = {},
  ): Promise<Conversation> {
    const request = { type: "create_conversation", clientId, ...conversation } as const;
    const answer = await this.#call(request, "conversation", signal);
    if (answer.conversation.kind !== "live") this.#synchronizer.add(answer.conversation.id, answer);
    return answer.conversation;
  }

  /** One page of the user's conversations, by id; `after` is the `nextAfter` of the page before. */
  listConversations(
    page: { after?: string; limit?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<Pick<Frame<"conversations">, "conversations" | "nextAfter">> {
    return this.#call({ type: "list_conversations", ...page }, "conversations", signal);
  }

  /** One page of a conversation: newest first before `before`, oldest first after `after`, or else the newest. */
  fetchHistory(
    conversationId: string,
    page: { before?: string; after?: string; limit?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<Pick<Frame<"history">, "messages" | "more">> {
    return this.#call({ type: "fetch_history", conversationId, ...page }, "history", signal);
  }

  /** Makes users members of a group, as an owner or admin of it. */
  invite(conversationId: string, userIds: string[], options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "invite", conversationId, userIds }, options);
  }

  /** Ends the user's own membership. @throws ChatError `forbidden` for the last owner of a group that has other members. */
  leave(conversationId: string, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "leave", conversationId }, options);
  }

  /** Ends somebody else's membership, as an owner, or as an admin who removes a plain member. */
  removeMember(conversationId: string, userId: string, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "remove_member", conversationId, userId }, options);
  }

  /** Gives a member another role, as an owner. */
  setRole(conversationId: string, userId: string, role: Role, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "set_role", conversationId, userId, role }, options);
  }

  /** Gives a group another title, as an owner or admin. */
  rename(conversationId: string, title: string, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "rename", conversationId, title }, options);
  }

  /** Says who may subscribe and publish to a live conversation, as an owner of it. */
  setRights(conversationId: string, rights: Rights, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "set_rights", conversationId, rights }, options);
  }

  /** Changes the text of a message of the user's own. */
  editMessage(conversationId: string, messageId: string, text: string, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "edit_message", conversationId, messageId, text }, options);
  }

  /** Deletes a message: one's own, or as an owner or admin of a group anybody's. */
  deleteMessage(conversationId: string, messageId: string, options?: ChangeOptions): Promise<void> {
    return this.#change({ type: "delete_message", conversationId, messageId }, options);
  }

  /** The user looks at a conversation: from now on `typing` tells who types there. */
  openConversation(conversationId: string): void {
    this.#interest.open(conversationId);
  }

  /** The user looks at something else. */
  closeConversation(conversationId: string): void {
    this.#interest.close(conversationId);
  }

  /** The user types, or does no more. To be called at every key; others forget it after 6 s without. */
  setTyping(conversationId: string, active: boolean): void {
    this.#interest.type(conversationId, active);
  }

  /** From now on `presence` tells whether these members of a conversation are there, and when they last were. At most 256 users. */
  followPresence(conversationId: string, userIds: readonly string[]): void {
    this.#interest.follow(conversationId, userIds);
  }

  unfollowPresence(userIds: readonly string[]): void {
    this.#interest.unfollow(userIds);
  }

  /** Says that the user has seen everything up to a message. Sent until acknowledged, together with later ones. */
  markRead(conversationId: string, upTo: string): void {
    this.#abort.signal.throwIfAborted();
    this.#receipts.add("read" satisfies ReceiptKind, conversationId, upTo);
  }

  /** Ends the client. Open calls are rejected with `closed`; unacknowledged messages stay in the outbox store. */
  close(): void {
    this.#end(undefined);
  }

  async #start(): Promise<void> {
    await this.#outbox.restore();
    const first = this.once("connected", { signal: this.#abort.signal });
    this.#supervisor.start();
    await first;
  }

  async #afterLogin(userId: string, positions: Record<string, { epoch: string; offset: number }>): Promise<void> {
    try {
      await this.#synchronizer.afterLogin(userId, positions);
      // Not before: until the conversations are listed, the server's word of what was delivered is that of the time before this login.
      this.#receipts.resume();
    } catch (error) {
      this.#report(error);
    }
  }

  #onEvent(frame: EventFrame): void {
    switch (frame.type) {
      case "message":
      case "conversation_changed":
        if (isLive(frame.type === "message" ? frame.message.conversationId : frame.conversationId))
          this.#subscriptions.onEvent(frame);
        else this.#synchronizer.onEvent(frame);
        break;
      case "subscribed":
        this.#subscriptions.onSubscribed(frame);
        break;
      case "unsubscribed":
        this.#subscriptions.onUnsubscribed(frame);
        break;
      case "conversation_removed":
        this.#synchronizer.remove(frame.conversationId);
        this.emit("conversation_removed", { conversationId: frame.conversationId });
        break;
      case "resumed":
        if (isLive(frame.conversationId)) this.#subscriptions.onResumed(frame);
        else this.#synchronizer.onResumed(frame);
        break;
      case "receipt":
        if (this.#receiptMarks.advance(frame.receipt)) this.emit("receipt", frame.receipt);
        break;
      case "conversation_added":
        if (frame.conversation.kind !== "live") this.#synchronizer.add(frame.conversation.id, frame);
        this.emit("conversation", frame.conversation);
        break;
      case "typing":
        this.#interest.onTyping(frame);
        break;
      case "presence":
        this.emit("presence", frame.presence);
        break;
      case "offline_overflow":
        this.#synchronizer.onOfflineOverflow().catch((error: unknown) => this.#report(error));
        break;
      case "error":
        this.emit("error", new ChatError(frame.code, frame.message));
        break;
      case "drain":
        break;
    }
  }

  #deliver(message: Message): void {
    this.emit("message", message);
    if (message.senderId !== this.#userId) this.#receipts.add("delivered", message.conversationId, message.id);
  }

  #request<Type extends AnswerType>(request: Request, ...expected: Type[]): Promise<AnswerOf<Type>> {
    const { connection } = this.#supervisor;
    if (connection) return connection.request(request, ...expected);
    return Promise.reject(new ChatError(ClientErrorCode.ConnectionLost, "there is no connection"));
  }

  async #change(change: Change, { clientId = crypto.randomUUID(), signal }: ChangeOptions = {}): Promise<void> {
    await this.#call({ ...change, clientId } as Request, "ok", signal);
  }

  /** A request that waits for a connection and is sent until it is answered. */
  async #call<Type extends AnswerType>(
    request: Request,
    expected: Type,
    signal: AbortSignal | undefined,
  ): Promise<AnswerOf<Type>> {
    const both = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    const backoff = new Backoff(this.#backoff);
    for (;;) {
      both.throwIfAborted();
      if (!this.connected) await this.once("connected", { signal: both });
      try {
        return await abortable(this.#request(request, expected), both);
      } catch (error) {
        if (!isRetryable(error)) throw error;
        if (this.connected) await delay(error.retryAfterMs ?? backoff.next(), both);
      }
    }
  }

  #report(error: unknown): void {
    // What the end of the client or of a connection cut short is told by `closed` and `disconnected`.
    if (this.#abort.signal.aborted || isRetryable(error)) return;
    this.emit(
      "error",
      error instanceof ChatError ? error : new ChatError("internal", "the client failed", { cause: error }),
    );
  }

  #end(error: ChatError | undefined, reason?: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(reason ?? error ?? new ChatError(ClientErrorCode.Closed, "the client is closed"));
    this.emit("closed", error ? { error } : {});
  }
}
