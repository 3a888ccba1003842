import type { Presence } from "@chatcluster/protocol";
import type { RedisClient } from "../redis/client.ts";
import { keys } from "../redis/keys.ts";
import { OFFLINE_NOTICE, type OfflineEntry, offlineEntry, type UserDirectory } from "./user-directory.ts";

const OFFLINE_LIFE_MS = 30 * 24 * 60 * 60 * 1_000;
/** Users renewed in one round trip. Few, for what is under way outlives the young generation: renewing 1,000 at a time left 60 MiB behind. */
const RENEW_BATCH = 100;

export interface RedisDirectoryOptions {
  /** Unique to this run of this server. */
  instance: string;
  /** Where this server is reached. */
  address: string;
  ttlMs: number;
  offlineLimit: number;
}

export class RedisDirectory implements UserDirectory {
  readonly ttlMs: number;
  readonly #redis: RedisClient;
  readonly #options: RedisDirectoryOptions;

  constructor(redis: RedisClient, options: RedisDirectoryOptions) {
    this.#redis = redis;
    this.#options = options;
    this.ttlMs = options.ttlMs;
  }

  /** Nothing to do before Redis is there: the mark of a living server is written by `register` and `renew`. */
  async start(): Promise<void> {
    return;
  }

  async close(): Promise<void> {
    if (this.#redis.problem() === undefined) await this.#redis.command("del", keys.alive(this.#options.instance));
  }

  async register(userId: string): Promise<{ unclean: boolean }> {
    const { instance, address, ttlMs } = this.#options;
    const results = await this.#redis.commands([
      ["set", keys.alive(instance), address, "PX", ttlMs],
      ["hset", keys.sessions(userId), instance, address],
      ["pexpire", keys.sessions(userId), OFFLINE_LIFE_MS],
      ["set", keys.server(userId), address, "PX", ttlMs],
      ["hkeys", keys.sessions(userId)],
    ]);
    const others = (results[4] as string[]).filter((other) => other !== instance);
    if (others.length === 0) return { unclean: false };
    return { unclean: await this.#removeDead(userId, others) };
  }

  async unregister(userId: string): Promise<number> {
    const others = await this.#redis.script(
      "unregister",
      [keys.sessions(userId), keys.server(userId), keys.lastSeen(userId)],
      [this.#options.instance, Date.now(), OFFLINE_LIFE_MS],
    );
    return Number(others);
  }

  async renew(userIds: readonly string[]): Promise<void> {
    const { instance, address, ttlMs } = this.#options;
    await this.#redis.command("set", keys.alive(instance), address, "PX", ttlMs);
    for (let start = 0; start < userIds.length; start += RENEW_BATCH) {
      await this.#redis.commands(
        userIds.slice(start, start + RENEW_BATCH).flatMap((userId) => [
          ["set", keys.server(userId), address, "PX", ttlMs] as const,
          ["hset", keys.sessions(userId), instance, address] as const,
          // A server that dies says no more than this.
          ["set", keys.lastSeen(userId), Date.now(), "PX", OFFLINE_LIFE_MS] as const,
        ]),
      );
    }
  }

  async offlineAmong(userIds: readonly string[]): Promise<string[]> {
    if (userIds.length === 0) return [];
    const servers = await this.#redis.values(userIds.map(keys.server));
    return userIds.filter((_, index) => servers[index] === null);
  }

  async presenceOf(userIds: readonly string[]): Promise<Presence[]> {
    if (userIds.length === 0) return [];
    const values = await this.#redis.values(userIds.flatMap((userId) => [keys.server(userId), keys.lastSeen(userId)]));
    return userIds.map((userId, index) => {
      const [server = null, lastSeen = null] = values.slice(index * 2, index * 2 + 2);
      const online = server !== null;
      return { userId, online, ...(online || lastSeen === null ? {} : { lastSeenAt: Number(lastSeen) }) };
    });
  }

  async push(userIds: readonly string[], entries: readonly OfflineEntry[], notify: boolean): Promise<void> {
    if (userIds.length === 0 || entries.length === 0) return;
    const bodies = entries.map((entry) => entry.body);
    const notice = notify ? OFFLINE_NOTICE : "";
    await Promise.all(
      userIds.map((userId) =>
        this.#redis.script(
          "offline_push",
          [keys.offline(userId), keys.overflow(userId)],
          [this.#options.offlineLimit, OFFLINE_LIFE_MS, keys.user(userId), notice, ...bodies],
        ),
      ),
    );
  }

  async list(userId: string): Promise<{ entries: OfflineEntry[]; overflow: boolean }> {
    const [bodies, overflow] = await this.#redis.commands([
      ["lrange", keys.offline(userId), 0, -1],
      ["exists", keys.overflow(userId)],
    ]);
    const entries = (bodies as string[]).map(offlineEntry).filter((entry) => entry !== undefined);
    return { entries, overflow: overflow === 1 };
  }

  async waiting(userId: string): Promise<number> {
    return Number(await this.#redis.command("llen", keys.offline(userId)));
  }

  async acknowledge(userId: string, conversationId: string, upTo: string): Promise<void> {
    await this.#redis.script("offline_acknowledge", [keys.offline(userId)], [conversationId, upTo]);
  }

  async markOverflow(userId: string): Promise<void> {
    await this.#redis.command("set", keys.overflow(userId), "1", "PX", OFFLINE_LIFE_MS);
  }

  async clearOverflow(userId: string): Promise<void> {
    await this.#redis.command("del", keys.overflow(userId));
  }

  async #removeDead(userId: string, instances: string[]): Promise<boolean> {
    const alive = await this.#redis.values(instances.map(keys.alive));
    const dead = instances.filter((_, index) => alive[index] === null);
    if (dead.length > 0) {
      await this.#redis.commands([
        // Marked before removed: a crash in between tells the next login, not nobody.
        ["set", keys.overflow(userId), "1", "PX", OFFLINE_LIFE_MS],
        ["hdel", keys.sessions(userId), ...dead],
      ]);
    }
    return dead.length > 0;
  }
}
