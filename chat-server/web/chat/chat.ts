import type {
  ChatClient,
  ChatError,
  Conversation,
  ConversationChange,
  Limits,
  Message,
  NewConversation,
  Presence,
  Role,
} from "@chatcluster/client";
import type { Line } from "./line.ts";
import { createPageClient } from "./page-client.ts";
import { randomId } from "./page-storage.ts";
import { type Entry, Thread } from "./thread.ts";

export type LineState =
  | { state: "connecting" }
  | { state: "online"; serverId: string; transport: string; limits: Limits }
  /** Lost; the client comes back by itself. */
  | { state: "reconnecting" }
  /** The user went offline. */
  | { state: "offline" };

export interface ChatHooks {
  onLine(line: LineState): void;
  /** Something in the list of conversations, or in one of them, is not as it was. */
  onChange(): void;
  /** A message of somebody else has just come. */
  onMessage(thread: Thread, entry: Entry): void;
  /** Somebody else has changed something in it. */
  onConversationChange(thread: Thread, change: ConversationChange): void;
  onError(text: string): void;
  /** The session is over; `error` if the server ended it. */
  onClosed(error: ChatError | undefined): void;
}

const PAGE = 50;
const LIST_PAGE = 100;
/** Members of a large group whose presence is followed. */
const MAX_PRESENCES = 50;

/** What the page knows of the user's chat, and does with it; the client package keeps the connection. */
export class Chat {
  readonly userId: string;
  readonly threads = new Map<string, Thread>();
  /** Of those whom the open conversation is with. */
  readonly presences = new Map<string, Presence>();
  readonly line: Line;
  readonly #client: ChatClient;
  readonly #hooks: ChatHooks;

  constructor(token: string, userId: string, hooks: ChatHooks) {
    this.userId = userId;
    this.#hooks = hooks;
    const { client, line } = createPageClient(token, userId);
    this.line = line;
    this.#client = client;
    this.#listen();
  }

  async start(): Promise<void> {
    this.#hooks.onLine({ state: "connecting" });
    await this.#client.connect();
  }

  /** Ends the session; what was not sent waits in this browser for the user's next one. */
  close(): void {
    this.#client.close();
  }

  goOffline(): void {
    this.line.cut();
    this.#hooks.onLine({ state: "offline" });
  }

  comeBack(): void {
    this.line.join();
    this.#hooks.onLine({ state: "reconnecting" });
  }

  /** Newest first. */
  get sorted(): Thread[] {
    return [...this.threads.values()].sort((a, b) => b.lastAt - a.lastAt);
  }

  async create(conversation: NewConversation): Promise<Thread> {
    const thread = this.#thread(await this.#client.createConversation({ clientId: randomId(), ...conversation }));
    this.#hooks.onChange();
    return thread;
  }

  send(thread: Thread, text: string): void {
    const clientId = randomId();
    thread.addWaiting(clientId, text, Date.now());
    this.#hooks.onChange();
    // How it ends is told by `sent` and `send_failed`, as for messages that an earlier life of the page left.
    this.#client.send(thread.id, text, { clientId }).catch(() => undefined);
  }

  /** Reads the newest page of the history, or the one before what is here. */
  async loadEarlier(thread: Thread): Promise<void> {
    const before = thread.loaded ? thread.oldestId : undefined;
    const page = { limit: PAGE, ...(before === undefined ? {} : { before }) };
    const { messages, more } = await this.#client.fetchHistory(thread.id, page);
    for (const message of messages) thread.add(message);
    thread.loaded = true;
    thread.more = more;
    this.#hooks.onChange();
  }

  /** The user looks at it: who types there, and who is there, comes from now on. */
  open(thread: Thread): void {
    this.#client.openConversation(thread.id);
    this.#client.followPresence(thread.id, thread.others.slice(0, MAX_PRESENCES));
  }

  leave(thread: Thread): void {
    this.#client.closeConversation(thread.id);
    this.#client.unfollowPresence(thread.others.slice(0, MAX_PRESENCES));
    this.presences.clear();
    thread.typists.clear();
  }

  type(thread: Thread, active: boolean): void {
    this.#client.setTyping(thread.id, active);
  }

  edit(thread: Thread, messageId: string, text: string, signal: AbortSignal): Promise<void> {
    return this.#client.editMessage(thread.id, messageId, text, { clientId: randomId(), signal });
  }

  delete(thread: Thread, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#client.deleteMessage(thread.id, messageId, { clientId: randomId(), signal });
  }

  rename(thread: Thread, title: string, signal: AbortSignal): Promise<void> {
    return this.#client.rename(thread.id, title, { clientId: randomId(), signal });
  }

  invite(thread: Thread, userIds: string[], signal: AbortSignal): Promise<void> {
    return this.#client.invite(thread.id, userIds, { clientId: randomId(), signal });
  }

  remove(thread: Thread, userId: string, signal: AbortSignal): Promise<void> {
    return this.#client.removeMember(thread.id, userId, { clientId: randomId(), signal });
  }

  setRole(thread: Thread, userId: string, role: Role, signal: AbortSignal): Promise<void> {
    return this.#client.setRole(thread.id, userId, role, { clientId: randomId(), signal });
  }

  leaveGroup(thread: Thread, signal: AbortSignal): Promise<void> {
    return this.#client.leave(thread.id, { clientId: randomId(), signal });
  }

  markRead(thread: Thread): void {
    const upTo = thread.newestId;
    if (upTo === undefined || upTo <= thread.readUpTo) return;
    const at = Date.now();
    thread.onReceipt({ conversationId: thread.id, userId: this.userId, kind: "read", upTo, at });
    this.#client.markRead(thread.id, upTo);
    this.#hooks.onChange();
  }

  #listen(): void {
    const client = this.#client;
    client.on("connected", ({ serverId, transport, limits }) => {
      this.#hooks.onLine({ state: "online", serverId, transport, limits });
      this.#refresh().catch((error: unknown) => this.#hooks.onError(`conversations not read: ${textOf(error)}`));
    });
    client.on("disconnected", ({ retryInMs }) => {
      if (retryInMs !== undefined) this.#hooks.onLine({ state: this.line.isCut ? "offline" : "reconnecting" });
    });
    client.on("message", (message) => this.#onMessage(message));
    client.on("receipt", (receipt) => {
      this.threads.get(receipt.conversationId)?.onReceipt(receipt);
      this.#hooks.onChange();
    });
    client.on("conversation", (conversation) => {
      if (conversation.kind === "live") return;
      this.#thread(conversation);
      this.#hooks.onChange();
    });
    client.on("conversation_changed", ({ conversationId, change }) => {
      const thread = this.threads.get(conversationId);
      if (!thread) return;
      thread.change(change);
      if (change.by !== this.userId) this.#hooks.onConversationChange(thread, change);
      this.#hooks.onChange();
    });
    client.on("presence", (presence) => {
      this.presences.set(presence.userId, presence);
      this.#hooks.onChange();
    });
    client.on("typing", ({ conversationId, userId, active }) => {
      const typists = this.threads.get(conversationId)?.typists;
      if (active) typists?.add(userId);
      else typists?.delete(userId);
      this.#hooks.onChange();
    });
    client.on("conversation_removed", ({ conversationId }) => {
      this.threads.delete(conversationId);
      this.#hooks.onChange();
    });
    client.on("sent", ({ conversationId, clientId, messageId, sentAt }) => {
      this.threads.get(conversationId)?.acknowledge(clientId, messageId, sentAt);
      this.#hooks.onChange();
    });
    client.on("send_failed", ({ entry, error }) => {
      this.threads.get(entry.conversationId)?.refuse(entry.clientId, error.message);
      this.#hooks.onError(`not sent: ${error.message}`);
      this.#hooks.onChange();
    });
    client.on("error", (error) => {
      // While the line is down every attempt fails; the line's state tells that already.
      if (client.connected) this.#hooks.onError(error.message);
    });
    client.on("closed", ({ error }) => this.#hooks.onClosed(error));
  }

  #onMessage(message: Message): void {
    const thread = this.threads.get(message.conversationId);
    if (!thread) {
      this.#refresh().catch((error: unknown) => this.#hooks.onError(`conversations not read: ${textOf(error)}`));
      return;
    }
    if (thread.add(message) && message.senderId !== this.userId) {
      const entry = thread.entries.find(({ id }) => id === message.id);
      if (entry) this.#hooks.onMessage(thread, entry);
    }
    this.#hooks.onChange();
  }

  /** After each login: marks may have moved while the page was away, and conversations been added. */
  async #refresh(): Promise<void> {
    let after: string | undefined;
    do {
      const page = await this.#client.listConversations({
        limit: LIST_PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { conversation, lastMessage } of page.conversations) {
        if (conversation.kind === "live") continue;
        const thread = this.#thread(conversation);
        if (lastMessage) thread.add(lastMessage);
      }
      this.#hooks.onChange();
      after = page.nextAfter;
    } while (after !== undefined);
    for (const entry of this.#client.unsent)
      this.threads.get(entry.conversationId)?.addWaiting(entry.clientId, entry.text, entry.createdAt);
    for (const thread of this.threads.values()) if (thread.unread.length > 0) await this.#loadUnread(thread);
    this.#hooks.onChange();
  }

  /** So that they can be counted; no more than the page shows as a number. */
  async #loadUnread(thread: Thread): Promise<void> {
    if (thread.loaded && !thread.more) return;
    const { messages, more } = await this.#client.fetchHistory(thread.id, { limit: LIST_PAGE });
    for (const message of messages) thread.add(message);
    if (!thread.loaded) thread.more = more;
    thread.loaded = true;
  }

  #thread(conversation: Conversation): Thread {
    const known = this.threads.get(conversation.id);
    if (known) {
      known.update(conversation);
      return known;
    }
    const thread = new Thread(conversation, this.userId);
    this.threads.set(thread.id, thread);
    return thread;
  }
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
