import type { Redis } from "ioredis";
import type { RedisReading, SentinelReading } from "../redis/view.ts";
import { REDIS_PORT, SENTINEL_PORT } from "../resource/names.ts";
import { NODE_USER } from "../resource/redis-access.ts";
import { SENTINEL_MASTER } from "../resource/redis-members.ts";
import { askRedis, type RedisPlace } from "./redis-session.ts";

/** Asks Redis servers and sentinels who they are. */
export interface RedisInspector {
  /** @throws as `askRedis` */
  server(place: RedisPlace, password: string): Promise<RedisReading>;
  /** @throws as `askRedis` */
  sentinel(place: RedisPlace, password: string): Promise<SentinelReading>;
  /** Makes a server a replica of `master`. @throws as `askRedis` */
  follow(place: RedisPlace, password: string, master: string): Promise<void>;
}

/** Speaks to the pods' own addresses. */
export const redisInspector: RedisInspector = {
  server: (place, password) =>
    ask(place, place.port ?? REDIS_PORT, password, async (redis) => readReplication(await redis.info("replication"))),
  sentinel: (place, password) =>
    ask(place, place.port ?? SENTINEL_PORT, password, async (redis) => {
      const address = (await redis.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SENTINEL_MASTER)) as string[] | null;
      const canFailOver = await redis.call("SENTINEL", "CKQUORUM", SENTINEL_MASTER).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Error && error.message.startsWith("NOQUORUM")) return false;
          throw error;
        },
      );
      return { master: address?.[0] ?? "", canFailOver };
    }),
  follow: (place, password, master) =>
    ask(place, place.port ?? REDIS_PORT, password, async (redis) => void (await redis.replicaof(master, REDIS_PORT))),
};

function ask<Answer>(
  place: RedisPlace,
  port: number,
  password: string,
  question: (redis: Redis) => Promise<Answer>,
): Promise<Answer> {
  return askRedis(place, port, { username: NODE_USER, password }, question);
}

/** Reads the answer to `INFO replication`. https://redis.io/docs/latest/commands/info/ */
export function readReplication(info: string): RedisReading {
  const field = (name: string) => new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1];
  const role = field("role");
  if (role === "master") return { role, follows: undefined, linked: false };
  return { role: "replica", follows: field("master_host"), linked: field("master_link_status") === "up" };
}
