import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@chatcluster/foundation/logger";
import { isLive } from "../conversation/conversation-id.ts";
import { type Membership, refusalOf } from "../conversation/membership.ts";
import type { FeedHub } from "./feed-hub.ts";

const RETRY_MS = 500;

/**
 * Ends the subscriptions to live conversations of those who may no longer read them. Looked at whenever members or rights were changed, or
 * may have been: one reading, however many are subscribed.
 */
export class Revocation {
  readonly #hub: FeedHub;
  readonly #membership: Membership;
  readonly #logger: Logger;

  constructor(hub: FeedHub, membership: Membership, logger: Logger) {
    this.#hub = hub;
    this.#membership = membership;
    this.#logger = logger;
  }

  /** Never rejects: as long as there is a subscriber it tries until the conversation can be read. */
  async check(conversationId: string): Promise<void> {
    if (!isLive(conversationId)) return;
    while ((this.#hub.feed(conversationId)?.size ?? 0) > 0) {
      try {
        await this.#check(conversationId);
        return;
      } catch (error) {
        this.#logger.warn({ err: error, conversationId }, "rights not read; will try again");
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  async #check(conversationId: string): Promise<void> {
    const access = await this.#membership.of(conversationId);
    if (access?.rights?.subscribe === "anyone") return;
    for (const subscriber of [...(this.#hub.feed(conversationId)?.subscribers() ?? [])]) {
      const code = access ? refusalOf(access, subscriber.userId, "subscribe") : "conversation_not_found";
      if (code) subscriber.onRevoked(conversationId, code);
    }
  }
}
