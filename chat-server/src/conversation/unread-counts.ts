import { firstOf } from "../broker/message-id.ts";
import type { UserDirectory } from "../directory/user-directory.ts";
import type { Stores } from "../store/stores.ts";
import { isLive } from "./conversation-id.ts";

/** Users whose figure is remembered. */
const REMEMBERED = 20_000;
/** Milliseconds after which a figure is counted anew: marks of a user without a connection move if a request of its own moves them. */
const REMEMBERED_MS = 10 * 60 * 1_000;
const IDS_PAGE = 1_000;
/** Conversations looked at at once. */
const AT_ONCE = 8;
/** Of one conversation no more are counted; pages show more than 99 as "99+". */
const MAX_OF_CONVERSATION = 100;

interface Remembered {
  /** The end of the user's last connection, which names the time without one that the figure is of. */
  lastSeenAt: number | undefined;
  at: number;
  count: Promise<number>;
}

export interface UnreadServices {
  stores: Pick<Stores, "conversations" | "messages" | "receipts">;
  directory: Pick<UserDirectory, "waiting" | "presenceOf">;
  now?: () => number;
}

/**
 * How many messages of others a user has not read, as the client counts them: those after the user's `readUpTo`. What has not been delivered waits on the
 * offline list, whose length costs one command; what was delivered and not read does not change while the user has no connection, so it is
 * counted once for that time.
 */
export class UnreadCounts {
  readonly #services: UnreadServices;
  readonly #now: () => number;
  /** Oldest first. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(services: UnreadServices) {
    this.#services = services;
    this.#now = services.now ?? Date.now;
  }

  /** Exact up to the bounds of the offline list and of {@link MAX_OF_CONVERSATION}. @throws CodedError `unavailable` */
  async of(userId: string): Promise<number> {
    const { directory } = this.#services;
    const [[presence], waiting] = await Promise.all([directory.presenceOf([userId]), directory.waiting(userId)]);
    // With a connection it may change at any moment. There is hardly a push then.
    const delivered = presence?.online ? this.#count(userId) : this.#deliveredUnread(userId, presence?.lastSeenAt);
    return waiting + (await delivered);
  }

  #deliveredUnread(userId: string, lastSeenAt: number | undefined): Promise<number> {
    const now = this.#now();
    const known = this.#remembered.get(userId);
    if (known && known.lastSeenAt === lastSeenAt && now - known.at < REMEMBERED_MS) return known.count;
    const remembered = { lastSeenAt, at: now, count: this.#count(userId) };
    this.#remembered.delete(userId);
    this.#remembered.set(userId, remembered);
    if (this.#remembered.size > REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value ?? "");
    remembered.count.catch(() => {
      if (this.#remembered.get(userId) === remembered) this.#remembered.delete(userId);
    });
    return remembered.count;
  }

  async #count(userId: string): Promise<number> {
    const { conversations } = this.#services.stores;
    let count = 0;
    for (let after: string | undefined; ; ) {
      const ids = await conversations.idsOf(userId, after, IDS_PAGE);
      const chats = ids.filter((id) => !isLive(id));
      for (let start = 0; start < chats.length; start += AT_ONCE) {
        const some = chats.slice(start, start + AT_ONCE).map((id) => this.#countIn(id, userId));
        for (const found of await Promise.all(some)) count += found;
      }
      after = ids.at(-1);
      if (ids.length < IDS_PAGE) return count;
    }
  }

  async #countIn(conversationId: string, userId: string): Promise<number> {
    const { messages, receipts } = this.#services.stores;
    const { deliveredUpTo = "", readUpTo = "" } = await receipts.of(conversationId, userId);
    if (deliveredUpTo <= readUpTo) return 0;
    const after = readUpTo === "" ? await this.#beginning(conversationId, userId) : readUpTo;
    const page = await messages.page({ conversationId, after, limit: MAX_OF_CONVERSATION });
    return page.messages.filter(({ id, senderId }) => id <= deliveredUpTo && senderId !== userId).length;
  }

  /** What was there before the user was added is not unread, but history. */
  async #beginning(conversationId: string, userId: string): Promise<string> {
    const joinedAt = await this.#services.stores.conversations.joinedAt(conversationId, userId);
    return firstOf(joinedAt ?? 0);
  }
}
