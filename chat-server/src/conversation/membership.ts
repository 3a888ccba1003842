import { CodedError } from "@chatcluster/foundation/errors";
import type { Conversation, Rights, Role } from "@chatcluster/protocol";
import type { ConversationStore } from "../store/stores.ts";

const CACHE_SIZE = 20_000;

/** Who is in a conversation, and as what; `role` is undefined in direct ones. */
export type Members = ReadonlyMap<string, Role | undefined>;

/** What decides who may do what in a conversation. */
export interface Access {
  title: string;
  members: Members;
  /** Of live conversations; in the others members do everything and nobody else anything. */
  rights?: Rights;
}

interface Load {
  stale: boolean;
  /** For those who ask meanwhile. */
  access?: Promise<Access | undefined>;
}

/**
 * Remembers who is in which conversation, as long as this server hears of changes: `isFollowed` says whether it is subscribed to the
 * conversation. What is not followed is read from the store each time.
 */
export class Membership {
  readonly #store: ConversationStore;
  readonly #isFollowed: (conversationId: string) => boolean;
  /** Oldest use first. */
  readonly #cache = new Map<string, Access>();
  /** Readings under way: an invalidation marks them, and they are not remembered. */
  readonly #loads = new Map<string, Set<Load>>();

  constructor(store: ConversationStore, isFollowed: (conversationId: string) => boolean) {
    this.#store = store;
    this.#isFollowed = isFollowed;
  }

  /**
   * The members, if the user is one.
   * @throws CodedError `conversation_not_found`, for a foreign conversation as for one that does not exist.
   */
  async membersFor(userId: string, conversationId: string): Promise<Members> {
    const access = await this.of(conversationId);
    if (!access?.members.has(userId)) throw notFound(conversationId);
    return access.members;
  }

  /**
   * Lets those pass who may read (`subscribe`) or write (`publish`).
   * @throws CodedError `conversation_not_found` if the user has no right there at all, else `forbidden`
   */
  async authorize(userId: string, conversationId: string, right: keyof Rights): Promise<Access> {
    const access = await this.of(conversationId);
    if (!access) throw notFound(conversationId);
    const refusal = refusalOf(access, userId, right);
    if (refusal === "conversation_not_found") throw notFound(conversationId);
    if (refusal) throw new CodedError(refusal, `only members may ${right} here`);
    return access;
  }

  /** Undefined if there is no such conversation. */
  async of(conversationId: string): Promise<Access | undefined> {
    const followed = this.#isFollowed(conversationId);
    return (followed ? this.#cache.get(conversationId) : undefined) ?? this.#load(conversationId, followed);
  }

  /** Somebody changed the members or rights, or nobody tells this server of changes any more. */
  forget(conversationId: string): void {
    this.#cache.delete(conversationId);
    for (const load of this.#loads.get(conversationId) ?? []) load.stale = true;
  }

  /** Those who ask at the same time share one reading: thousands may subscribe to a live conversation at once. */
  #load(conversationId: string, followed: boolean): Promise<Access | undefined> {
    const loads = this.#loads.get(conversationId) ?? new Set<Load>();
    for (const { stale, access } of loads) if (!stale && access && followed) return access;
    const load: Load = { stale: !followed };
    this.#loads.set(conversationId, loads.add(load));
    load.access = this.#read(conversationId, load).finally(() => {
      loads.delete(load);
      if (loads.size === 0 && this.#loads.get(conversationId) === loads) this.#loads.delete(conversationId);
    });
    return load.access;
  }

  async #read(conversationId: string, load: Load): Promise<Access | undefined> {
    const conversation = await this.#store.get(conversationId);
    const access = conversation && accessOf(conversation);
    if (access && !load.stale && this.#isFollowed(conversationId)) this.#remember(conversationId, access);
    return access;
  }

  #remember(conversationId: string, access: Access): void {
    this.#cache.set(conversationId, access);
    if (this.#cache.size <= CACHE_SIZE) return;
    const oldest = this.#cache.keys().next().value;
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}

/** Why a user may not; undefined if it may. Whoever has no right at all is not told that the conversation exists. */
export function refusalOf(
  { members, rights }: Access,
  userId: string,
  right: keyof Rights,
): "conversation_not_found" | "forbidden" | undefined {
  if (members.has(userId) || rights?.[right] === "anyone") return undefined;
  const isOpen = rights?.subscribe === "anyone" || rights?.publish === "anyone";
  return isOpen ? "forbidden" : "conversation_not_found";
}

export const membersOf = ({ members }: Conversation): Members =>
  new Map(members.map(({ userId, role }) => [userId, role]));

const accessOf = (conversation: Conversation): Access => ({
  title: conversation.title ?? "",
  members: membersOf(conversation),
  ...(conversation.rights ? { rights: conversation.rights } : {}),
});

export const notFound = (conversationId: string) =>
  new CodedError("conversation_not_found", `conversation ${conversationId} does not exist, or you are no member of it`);
