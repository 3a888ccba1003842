import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { Redis } from "ioredis";

/** Milliseconds for the connection, and again for each answer. */
const TIMEOUT_MS = 1_500;

/** A pod of Redis or a sentinel that has an address. */
export interface RedisPlace {
  /** The pod's name, for messages. */
  readonly pod: string;
  readonly ip: string;
  readonly port?: number;
}

/** A user of Redis; the default one has no name. */
export interface RedisLogin {
  readonly username?: string;
  readonly password: string;
}

/**
 * Has a conversation with one server, on a connection of its own: one every few seconds is not worth holding.
 *
 * @throws CodedError `redis_login_refused` or `redis_unreachable`, naming the pod and never a password
 */
export async function askRedis<Answer>(
  { pod, ip }: RedisPlace,
  port: number,
  login: RedisLogin,
  question: (redis: Redis) => Promise<Answer>,
): Promise<Answer> {
  const redis = new Redis({
    host: ip,
    port,
    ...login,
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
    const message = messageOf(reason ?? error);
    if (message.startsWith("WRONGPASS"))
      throw new CodedError("redis_login_refused", `pod ${pod} refuses the password of its Secret`, { cause: error });
    throw new CodedError("redis_unreachable", `pod ${pod} does not answer: ${message}`, { cause: error });
  } finally {
    redis.disconnect();
  }
}
