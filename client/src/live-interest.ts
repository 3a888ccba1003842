import type { Presence } from "@chatcluster/protocol";
import { TYPING_TIMEOUT_MS } from "@chatcluster/protocol/limits";
import type { AnswerOf, AnswerType } from "./connection.ts";
import type { Request } from "./frames.ts";
import type { TypingNotice } from "./options.ts";

export interface LiveInterestHooks {
  /** Sends a request if there is a connection. @throws ChatError as `Connection.request` does. */
  request<Type extends AnswerType>(request: Request, expected: Type): Promise<AnswerOf<Type>>;
  connected(): boolean;
  typing(notice: TypingNotice): void;
  presence(presence: Presence): void;
  failed(error: unknown): void;
}

/** What the application wants to know of now, and the server forgets with each connection: who types, who is there. */
export class LiveInterest {
  readonly #hooks: LiveInterestHooks;
  readonly #open = new Set<string>();
  /** User → a conversation that it shares with this one. */
  readonly #followed = new Map<string, string>();
  /** Who types, and when that is over without another word. */
  readonly #typists = new Map<string, ReturnType<typeof setTimeout>>();
  /** Conversation → when the user's own typing was told last. */
  readonly #told = new Map<string, number>();

  constructor(hooks: LiveInterestHooks, signal: AbortSignal) {
    this.#hooks = hooks;
    signal.addEventListener("abort", () => {
      for (const timer of this.#typists.values()) clearTimeout(timer);
    });
  }

  /** A new connection knows nothing yet. */
  renew(): void {
    for (const conversationId of this.#open) this.#send({ type: "open_conversation", conversationId });
    for (const [conversationId, userIds] of Map.groupBy(this.#followed.keys(), (id) => this.#followed.get(id) ?? ""))
      this.#subscribe(conversationId, userIds);
  }

  open(conversationId: string): void {
    if (this.#open.has(conversationId)) return;
    this.#open.add(conversationId);
    this.#send({ type: "open_conversation", conversationId });
  }

  close(conversationId: string): void {
    if (this.#open.delete(conversationId)) this.#send({ type: "close_conversation", conversationId });
  }

  /** To be called at each key: told at most three times in the time after which others forget it. */
  type(conversationId: string, active: boolean): void {
    const now = Date.now();
    const before = this.#told.get(conversationId);
    if (active ? before !== undefined && now - before < TYPING_TIMEOUT_MS / 3 : before === undefined) return;
    if (active) this.#told.set(conversationId, now);
    else this.#told.delete(conversationId);
    this.#send({ type: "typing", conversationId, active });
  }

  follow(conversationId: string, userIds: readonly string[]): void {
    for (const userId of userIds) this.#followed.set(userId, conversationId);
    this.#subscribe(conversationId, userIds);
  }

  unfollow(userIds: readonly string[]): void {
    const known = userIds.filter((userId) => this.#followed.delete(userId));
    if (known.length > 0) this.#send({ type: "unsubscribe_presence", userIds: known });
  }

  /** Somebody's word that it types ends by itself, for its last word may be lost. */
  onTyping({ conversationId, userId, active }: TypingNotice): void {
    const notice = { conversationId, userId, active };
    const key = `${notice.conversationId} ${notice.userId}`;
    const known = this.#typists.has(key);
    clearTimeout(this.#typists.get(key));
    this.#typists.delete(key);
    if (notice.active)
      this.#typists.set(
        key,
        setTimeout(() => this.onTyping({ ...notice, active: false }), TYPING_TIMEOUT_MS),
      );
    if (known !== notice.active) this.#hooks.typing(notice);
  }

  #subscribe(conversationId: string, userIds: readonly string[]): void {
    if (!this.#hooks.connected()) return;
    this.#hooks
      .request({ type: "subscribe_presence", conversationId, userIds: [...userIds] }, "presences")
      .then(({ presences }) => {
        for (const presence of presences) if (this.#followed.has(presence.userId)) this.#hooks.presence(presence);
      })
      .catch((error: unknown) => this.#hooks.failed(error));
  }

  /** Not sent again: what a lost connection took along is renewed, and typing is worth nothing later. */
  #send(request: Request): void {
    if (this.#hooks.connected())
      this.#hooks.request(request, "ok").catch((error: unknown) => this.#hooks.failed(error));
  }
}
