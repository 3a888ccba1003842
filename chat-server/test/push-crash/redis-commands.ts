import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { Redis } from "ioredis";
import type { RedisCommands } from "../../src/push/queue/redis-push-queue.ts";

/** A connection for a queue without a server around it. */
export async function redisCommands(url: string): Promise<RedisCommands & Disposable & { redis: Redis }> {
  const redis = new Redis(url, { lazyConnect: true, enableOfflineQueue: false });
  // Each command tells by itself that the connection has gone.
  redis.on("error", () => undefined);
  await redis.connect();
  return {
    redis,
    [Symbol.dispose]: () => redis.disconnect(),
    async command(run) {
      try {
        return await run(redis);
      } catch (cause) {
        throw new CodedError("unavailable", messageOf(cause), { cause });
      }
    },
  };
}
