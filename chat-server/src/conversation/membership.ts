import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, Role } from "@chatcluster/protocol";
import type { ConversationStore } from "../store/stores.ts";

const CACHE_SIZE = 20_000;

/** Who is in a conversation, and as what; `role` is undefined in direct ones. */
export type Members = ReadonlyMap<string, Role | undefined>;

/**
 * Remembers who is in which conversation, as long as this server hears of changes: `isFollowed` says whether it is subscribed to the
 * conversation. What is not followed is read from the store each time.
 */
export class Membership {
  readonly #store: ConversationStore;
  readonly #isFollowed: (conversationId: string) => boolean;
  /** Oldest use first. */
  readonly #cache = new Map<string, Members>();
  /** Readings under way: an invalidation marks them, and they are not remembered. */
  readonly #loads = new Map<string, Set<{ stale: boolean }>>();

  constructor(store: ConversationStore, isFollowed: (conversationId: string) => boolean) {
    this.#store = store;
    this.#isFollowed = isFollowed;
  }

  /**
   * The members, if the user is one.
   * @throws CodedError `conversation_not_found`, for a foreign conversation as for one that does not exist.
   */
  async membersFor(userId: string, conversationId: string): Promise<Members> {
    const members = await this.of(conversationId);
    if (!members?.has(userId)) throw notFound(conversationId);
    return members;
  }

  /** The members; undefined if there is no such conversation. */
  async of(conversationId: string): Promise<Members | undefined> {
    const followed = this.#isFollowed(conversationId);
    return (followed ? this.#cache.get(conversationId) : undefined) ?? this.#load(conversationId, followed);
  }

  /** Somebody changed the members, or nobody tells this server of changes any more. */
  forget(conversationId: string): void {
    this.#cache.delete(conversationId);
    for (const load of this.#loads.get(conversationId) ?? []) load.stale = true;
  }

  /** Changes may have been missed. */
  forgetAll(): void {
    this.#cache.clear();
    for (const loads of this.#loads.values()) for (const load of loads) load.stale = true;
  }

  async #load(conversationId: string, followed: boolean): Promise<Members | undefined> {
    const load = { stale: !followed };
    const loads = this.#loads.get(conversationId) ?? new Set();
    this.#loads.set(conversationId, loads.add(load));
    try {
      const conversation = await this.#store.get(conversationId);
      const members = conversation && membersOf(conversation);
      if (members && !load.stale && this.#isFollowed(conversationId)) this.#remember(conversationId, members);
      return members;
    } finally {
      loads.delete(load);
      if (loads.size === 0) this.#loads.delete(conversationId);
    }
  }

  #remember(conversationId: string, members: Members): void {
    this.#cache.set(conversationId, members);
    if (this.#cache.size <= CACHE_SIZE) return;
    const oldest = this.#cache.keys().next().value;
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}

export const membersOf = ({ members }: Conversation): Members =>
  new Map(members.map(({ userId, role }) => [userId, role]));

export const notFound = (conversationId: string) =>
  new CodedError("conversation_not_found", `conversation ${conversationId} does not exist, or you are no member of it`);
