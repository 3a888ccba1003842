import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { MAX_PRESENCE, type Presence } from "@chatcluster/protocol";
import type { UserDirectory } from "../directory/user-directory.ts";
import { OutboundFrame } from "../session/outbound-frame.ts";
import type { TopicSubscriber, Topics } from "./topics.ts";

const PREFIX = "presence:";
const LONGEST_TIMER_MS = 2 ** 30;

/**
 * Tells connections that ask for it who comes and goes. A server that dies publishes nothing, so those who are watched are looked up again
 * as often as a registration expires.
 */
export class PresenceWatch {
  readonly #topics: Topics;
  readonly #directory: UserDirectory;
  readonly #logger: Logger;
  /** What the subscribers here were told last. */
  readonly #told = new Map<string, boolean>();
  readonly #timer: NodeJS.Timeout;

  constructor(topics: Topics, directory: UserDirectory, logger: Logger) {
    this.#topics = topics;
    this.#directory = directory;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#lookAgain(), Math.min(directory.ttlMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Whether the subscriber may be told of these users is the caller's to check.
   * @throws CodedError `invalid_frame` beyond the limit, `unavailable`
   */
  async subscribe(userIds: readonly string[], subscriber: TopicSubscriber): Promise<Presence[]> {
    const added = userIds.filter((userId) => !this.#topics.has(subscriber, PREFIX + userId));
    if (this.#topics.count(subscriber, PREFIX) + added.length > MAX_PRESENCE)
      throw new CodedError("invalid_frame", `userIds: more than ${MAX_PRESENCE} are followed`);
    // First subscribed, then looked up: a change in between is told twice, not never.
    await Promise.all(added.map((userId) => this.#topics.join(PREFIX + userId, subscriber)));
    const presences = await this.#directory.presenceOf(userIds);
    for (const { userId, online } of presences) this.#told.set(userId, online);
    return presences;
  }

  unsubscribe(userIds: readonly string[], subscriber: TopicSubscriber): void {
    for (const userId of userIds) this.#topics.leave(PREFIX + userId, subscriber);
  }

  /** The user's first connection here is there: to be called after it has been registered, so nobody needs to be asked. Never rejects. */
  publishOnline(userId: string): Promise<void> {
    return this.#publish(userId, () => ({ userId, online: true }));
  }

  /** The user's last connection is gone: to be called after that has been registered. Never rejects. */
  publishGone(userId: string): Promise<void> {
    // Another may have come meanwhile.
    return this.#publish(userId, async () => (await this.#directory.presenceOf([userId]))[0]);
  }

  async #publish(userId: string, look: () => Promise<Presence | undefined> | Presence): Promise<void> {
    try {
      const presence = await look();
      if (presence) await this.#topics.publish(PREFIX + userId, { type: "presence", presence });
    } catch (error) {
      // Watchers look again by themselves.
      this.#logger.debug({ err: error, userId }, "presence not published");
    }
  }

  /** Takes what was published; false if it is not about presence. */
  take(topic: string, payload: string): boolean {
    if (!topic.startsWith(PREFIX)) return false;
    this.#tell((JSON.parse(payload) as { presence: Presence }).presence, new OutboundFrame(payload));
    return true;
  }

  #tell(presence: Presence, frame: OutboundFrame): void {
    this.#told.set(presence.userId, presence.online);
    this.#topics.deliver(PREFIX + presence.userId, frame);
  }

  async #lookAgain(): Promise<void> {
    const watched = new Set<string>();
    for (const topic of this.#topics.names()) if (topic.startsWith(PREFIX)) watched.add(topic.slice(PREFIX.length));
    for (const userId of this.#told.keys()) if (!watched.has(userId)) this.#told.delete(userId);
    try {
      for (const presence of await this.#directory.presenceOf([...watched]))
        if (this.#told.get(presence.userId) !== presence.online)
          this.#tell(presence, OutboundFrame.of({ type: "presence", presence }));
    } catch (error) {
      this.#logger.debug({ err: error }, "presence not looked up; will try again");
    }
  }
}
