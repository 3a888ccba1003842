/** Runs inside the cluster's network namespace: logs in to Redis and Cassandra. Reads logins from standard input, writes an answer for each. */
import { json } from "node:stream/consumers";
import { auth, Client, errors } from "cassandra-driver";
import { Redis } from "ioredis";

export interface Login {
  readonly store: "redis" | "cassandra";
  readonly host: string;
  readonly username: string;
  readonly password: string;
}
export type LoginAnswer = "accepted" | "refused";

/** No command of its own, and no second try. */
const QUIET = {
  protocol: 2,
  enableReadyCheck: false,
  disableClientInfo: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
} as const;

async function atRedis({ host, username, password }: Login): Promise<LoginAnswer> {
  const redis = new Redis({ host, ...QUIET });
  redis.on("error", () => undefined);
  try {
    await redis.call("AUTH", username, password);
    return "accepted";
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("WRONGPASS")) return "refused";
    throw error;
  } finally {
    redis.disconnect();
  }
}

async function atCassandra({ host, username, password }: Login): Promise<LoginAnswer> {
  const client = new Client({
    contactPoints: [host],
    localDataCenter: "dc1",
    authProvider: new auth.PlainTextAuthProvider(username, password),
  });
  try {
    await client.connect();
    return "accepted";
  } catch (error) {
    const all = error instanceof errors.NoHostAvailableError ? Object.values(error.innerErrors as object) : [error];
    if (all.length > 0 && all.every((each) => each instanceof errors.AuthenticationError)) return "refused";
    throw error;
  } finally {
    await client.shutdown();
  }
}

const logins = (await json(process.stdin)) as Login[];
const answers = await Promise.all(logins.map((login) => (login.store === "redis" ? atRedis : atCassandra)(login)));
process.stdout.write(JSON.stringify(answers));
