import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { Redis } from "ioredis";
import type { RedisReading, SentinelReading } from "../redis/view.ts";
import { REDIS_PORT, SENTINEL_PORT } from "../resource/names.ts";
import { NODE_USER } from "../resource/redis-access.ts";
import { SENTINEL_MASTER } from "../resource/redis-members.ts";

/** Milliseconds for the connection, and again for each answer. */
const TIMEOUT_MS = 1_500;

/** A pod of Redis or a sentinel that has an address. */
export interface RedisPlace {
  /** The pod's name, for messages. */
  readonly pod: string;
  readonly ip: string;
  readonly port?: number;
}

/** Asks Redis servers and sentinels who they are. */
export interface RedisInspector {
  /** @throws CodedError `redis_unreachable`, naming the pod and never a password */
  server(place: RedisPlace, password: string): Promise<RedisReading>;
  /** @throws as `server` */
  sentinel(place: RedisPlace, password: string): Promise<SentinelReading>;
  /** Makes a server a replica of `master`. @throws as `server` */
  follow(place: RedisPlace, password: string, master: string): Promise<void>;
}

/** Speaks to the pods' own addresses, with a connection for each question: one every few seconds is not worth holding. */
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

async function ask<Answer>(
  { pod, ip }: RedisPlace,
  port: number,
  password: string,
  question: (redis: Redis) => Promise<Answer>,
): Promise<Answer> {
  const redis = new Redis({
    host: ip,
    port,
    username: NODE_USER,
    password,
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
  });
  let reason: unknown;
  redis.on("error", (error) => {
    reason = error;
  });
  try {
    await redis.connect();
    return await question(redis);
  } catch (error) {
    // "Connection is closed" says less than what closed it.
    throw new CodedError("redis_unreachable", `pod ${pod} does not answer: ${messageOf(reason ?? error)}`, {
      cause: error,
    });
  } finally {
    redis.disconnect();
  }
}

/** Reads the answer to `INFO replication`. https://redis.io/docs/latest/commands/info/ */
export function readReplication(info: string): RedisReading {
  const field = (name: string) => new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1];
  const role = field("role");
  if (role === "master") return { role, follows: undefined, linked: false };
  return { role: "replica", follows: field("master_host"), linked: field("master_link_status") === "up" };
}
